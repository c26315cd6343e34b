webdir = $(pkgdatadir)/web
dist_web_DATA = web/index.html web/terminal.html web/style.css web/terminal.css web/icon.svg web/keys.json \
	web/actions.js web/api.js web/dialog.js web/dom.js web/format.js web/host.js web/logs.js web/machine.js \
	web/machine_row.js web/machines.js web/main.js web/menu.js web/new.js web/operations.js web/parts.js \
	web/requests.js web/settings.js web/snapshots.js web/store.js web/terminal.js web/terminal_tab.js
xtermdir = $(webdir)/vendor/xterm
dist_xterm_DATA = web/vendor/xterm/xterm.mjs web/vendor/xterm/addon-fit.mjs web/vendor/xterm/xterm.css \
	web/vendor/xterm/LICENSE web/vendor/xterm/LICENSE.addon-fit
EXTRA_DIST += web/vendor/README web/vendor/xterm/SHA256SUMS
EXTRA_DIST += tests/web/axe tests/web/browser.py tests/web/check.py tests/web/flows.py tests/web/server.py tests/integration/web.sh

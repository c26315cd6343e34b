webdir = $(pkgdatadir)/web
dist_web_DATA = web/index.html web/terminal.html web/style.css web/terminal.css web/icon.svg web/keys.json \
	web/actions.js web/api.js web/dialog.js web/dom.js web/files.js web/format.js web/host.js web/keeping.js web/logs.js web/machine.js \
	web/machine_row.js web/machines.js web/main.js web/menu.js web/new.js web/operations.js web/parts.js web/pictures.js \
	web/desktop.html web/desktop.css web/desktop.js web/desktop_clipboard.js web/desktop_drop.js web/desktop_sound.js \
	web/desktop_tab.js web/desktop_worklet.js \
	web/requests.js web/rights.js web/settings.js web/sign_in.js web/snapshots.js web/store.js web/terminal.js web/terminal_tab.js
xtermdir = $(webdir)/vendor/xterm
dist_xterm_DATA = web/vendor/xterm/xterm.mjs web/vendor/xterm/addon-fit.mjs web/vendor/xterm/xterm.css \
	web/vendor/xterm/LICENSE web/vendor/xterm/LICENSE.addon-fit
# Their paths lead to one another.
novncdir = $(pkgdatadir)
nobase_dist_novnc_DATA = \
	web/vendor/novnc/AUTHORS web/vendor/novnc/LICENSE.BSD-2-Clause web/vendor/novnc/LICENSE.BSD-3-Clause \
	web/vendor/novnc/LICENSE.MPL-2.0 web/vendor/novnc/LICENSE.txt web/vendor/novnc/core/base64.js \
	web/vendor/novnc/core/crypto/aes.js web/vendor/novnc/core/crypto/bigint.js web/vendor/novnc/core/crypto/crypto.js \
	web/vendor/novnc/core/crypto/des.js web/vendor/novnc/core/crypto/dh.js web/vendor/novnc/core/crypto/md5.js \
	web/vendor/novnc/core/crypto/rsa.js web/vendor/novnc/core/decoders/copyrect.js \
	web/vendor/novnc/core/decoders/h264.js web/vendor/novnc/core/decoders/hextile.js \
	web/vendor/novnc/core/decoders/jpeg.js web/vendor/novnc/core/decoders/raw.js web/vendor/novnc/core/decoders/rre.js \
	web/vendor/novnc/core/decoders/tight.js web/vendor/novnc/core/decoders/tightpng.js \
	web/vendor/novnc/core/decoders/zlib.js web/vendor/novnc/core/decoders/zrle.js web/vendor/novnc/core/deflator.js \
	web/vendor/novnc/core/display.js web/vendor/novnc/core/encodings.js web/vendor/novnc/core/inflator.js \
	web/vendor/novnc/core/input/domkeytable.js web/vendor/novnc/core/input/fixedkeys.js \
	web/vendor/novnc/core/input/gesturehandler.js web/vendor/novnc/core/input/keyboard.js \
	web/vendor/novnc/core/input/keysym.js web/vendor/novnc/core/input/keysymdef.js web/vendor/novnc/core/input/util.js \
	web/vendor/novnc/core/input/vkeys.js web/vendor/novnc/core/input/xtscancodes.js web/vendor/novnc/core/ra2.js \
	web/vendor/novnc/core/rfb.js web/vendor/novnc/core/util/browser.js web/vendor/novnc/core/util/cursor.js \
	web/vendor/novnc/core/util/element.js web/vendor/novnc/core/util/events.js \
	web/vendor/novnc/core/util/eventtarget.js web/vendor/novnc/core/util/int.js web/vendor/novnc/core/util/logging.js \
	web/vendor/novnc/core/util/strings.js web/vendor/novnc/core/websock.js web/vendor/novnc/vendor/pako/LICENSE \
	web/vendor/novnc/vendor/pako/lib/utils/common.js web/vendor/novnc/vendor/pako/lib/zlib/adler32.js \
	web/vendor/novnc/vendor/pako/lib/zlib/crc32.js \
	web/vendor/novnc/vendor/pako/lib/zlib/deflate.js \
	web/vendor/novnc/vendor/pako/lib/zlib/inffast.js web/vendor/novnc/vendor/pako/lib/zlib/inflate.js \
	web/vendor/novnc/vendor/pako/lib/zlib/inftrees.js web/vendor/novnc/vendor/pako/lib/zlib/messages.js \
	web/vendor/novnc/vendor/pako/lib/zlib/trees.js web/vendor/novnc/vendor/pako/lib/zlib/zstream.js
EXTRA_DIST += web/vendor/novnc/SHA256SUMS
EXTRA_DIST += web/vendor/README web/vendor/xterm/SHA256SUMS
EXTRA_DIST += tests/web/axe tests/web/browser.py tests/web/check.py tests/web/files_flows.py tests/web/made_files.py tests/web/rights_flows.py tests/web/flows.py tests/web/server.py tests/integration/web.sh
EXTRA_DIST += tests/web/desktop_flows.py tests/web/display.py tests/integration/web_desktop.sh

# A tree that was never installed serves its own page, and has its own description of the API.
noinst_DATA = share/berth/web share/berth/openapi.json
CLEANFILES += $(noinst_DATA)
share/berth/web:
	$(AM_V_GEN)$(MKDIR_P) share/berth && ln -sfn $(abs_top_srcdir)/web $@
share/berth/openapi.json:
	$(AM_V_GEN)$(MKDIR_P) share/berth && ln -sfn $(abs_top_srcdir)/doc/openapi.json $@

# Scripts that travel with the sources; the unit tests' programs stand in their layers' local.mk.
EXTRA_DIST += \
	tests/loop tests/mutate tests/reach tests/sanitized \
	tests/run tests/cases.sh tests/lib.sh tests/tag.sh tests/debian-root tests/bench/run tests/bench/swarm tests/bench/ways tests/bench/many tests/bench/derived tests/bench/travel tests/bench/network tests/bench/desktop tests/bench/desktop_figures.py tests/bench/api \
	tests/lint/circles tests/lint/circles_sees tests/lint/cleanups tests/lint/err-cc tests/lint/layers tests/lint/opens \
	tests/lint/sanitized tests/lint/style \
	tests/lint/teeth tests/lint/teeth_sees tests/lint/cppcheck.suppress \
	tests/integration/boot.sh tests/integration/completion.sh tests/integration/console.sh tests/integration/crash.sh tests/integration/costs.sh tests/integration/cycles.sh \
	tests/integration/debian.sh tests/integration/client.py tests/integration/cloud_init.sh tests/integration/other_keeper.py tests/integration/endings.sh tests/integration/examples.sh tests/integration/exec.sh tests/integration/forward.sh tests/integration/forward6.sh tests/integration/forward_proxy.sh tests/integration/forward_demand.sh tests/integration/forward_wait.sh tests/integration/proxy_peer.py tests/integration/nics.sh tests/integration/lan.sh tests/integration/macvlan.sh tests/integration/physical.sh tests/integration/capture.sh tests/integration/traffic.sh tests/integration/rules.sh tests/integration/rules_probe.py tests/integration/rules_apply.sh tests/integration/routes.sh tests/integration/dhcp_clients.sh tests/integration/hosts.sh \
	tests/integration/inits.sh tests/integration/kills.sh \
	tests/integration/life.sh tests/integration/list_index.sh tests/integration/looking.sh tests/integration/names.sh tests/integration/nesting.sh tests/integration/network.sh \
	tests/integration/nss.sh tests/integration/aliases.sh tests/integration/own_aliases.sh tests/integration/pause.sh tests/integration/quickstart.sh tests/integration/races.sh \
	tests/integration/provision.sh tests/integration/reinstall.sh tests/integration/restart.sh tests/integration/room.sh tests/integration/served.sh tests/integration/settings.sh tests/integration/storage.sh tests/integration/systemd.sh tests/integration/tarballs.sh tests/integration/top.sh tests/integration/transfer.sh \
	tests/integration/walls.sh tests/integration/work.sh \
	tests/integration/looking.py tests/integration/special.py tests/integration/terminal.py
EXTRA_DIST += tests/integration/identity.sh tests/integration/publish.sh tests/integration/reset.sh tests/integration/copies.sh tests/integration/nested.sh tests/integration/views.sh
EXTRA_DIST += tests/verbs.sh tests/integration/output.sh tests/integration/interrupts.sh tests/integration/volumes_ephemeral.sh tests/integration/words.sh
EXTRA_DIST += tests/busybox-i386 tests/integration/guests.sh tests/integration/narrow.sh
EXTRA_DIST += tests/integration/resolvers.sh tests/integration/resolved.sh tests/integration/many.sh
EXTRA_DIST += tests/integration/images.sh tests/integration/image_files.sh tests/integration/image_server.py tests/images.sh tests/tls.sh tests/lxd.sh
EXTRA_DIST += tests/oci.sh tests/roots.sh tests/integration/oci.sh tests/integration/oci_image.py tests/integration/program.sh
EXTRA_DIST += tests/integration/export.sh tests/integration/tree.py
EXTRA_DIST += tests/integration/folders.sh tests/integration/shifted.py tests/integration/diskimages.sh
EXTRA_DIST += tests/integration/recipes.sh tests/recipes.sh
EXTRA_DIST += tests/integration/remedies.sh
EXTRA_DIST += tests/integration/derived.sh
EXTRA_DIST += tests/integration/api.sh tests/integration/api_operations.sh tests/api_asking.sh tests/integration/api_requests.sh tests/integration/api_access.sh tests/integration/api_files.sh tests/integration/web_password.sh tests/integration/api_attach.sh tests/integration/api_attach.py tests/integration/ansible.sh tests/api.sh tests/api_answers tests/integration/api_description.sh tests/integration/idle.sh tests/integration/apply.sh tests/integration/apply_nics.sh tests/integration/apply_provision.sh tests/integration/volumes_apply.sh tests/integration/peers.sh tests/apply.sh
EXTRA_DIST += tests/integration/mounts.sh tests/integration/volumes.sh tests/integration/volumes_care.sh tests/integration/volumes_known.sh tests/integration/volumes_copied.sh tests/integration/volumes_travel.sh tests/integration/volumes_along.sh tests/integration/diff.sh
EXTRA_DIST += tests/inside.sh
EXTRA_DIST += tests/integration/metrics.sh tests/integration/dashboard.py
EXTRA_DIST += tests/streams/blocks.berth tests/streams/blocks-increment.berth tests/streams/increment.berth tests/streams/increment.list tests/streams/machine.berth tests/streams/machine.list tests/streams/volume.berth
EXTRA_DIST += tests/streams.sh tests/integration/blocks.sh tests/integration/stream.sh tests/integration/stream_craft.py tests/integration/stream_flips.py tests/integration/stream_tree.py
EXTRA_DIST += tests/integration/devices.sh tests/integration/desktop.sh tests/integration/desktop_rules.sh tests/integration/desktop_wayland.sh tests/integration/desktop_rdp.sh tests/desktop.sh tests/screen.sh tests/rfb
EXTRA_DIST += tests/integration/rename.sh
EXTRA_DIST += tests/cuts.sh tests/other_host.sh tests/integration/send.sh tests/integration/send_cut.sh tests/integration/send_volumes.sh tests/integration/move.sh tests/integration/move_volumes.sh tests/moves.sh tests/integration/pool_move.sh tests/integration/pool_move_kills.sh tests/pool_moves.sh
EXTRA_DIST += tests/integration/policy.sh tests/integration/backup.sh tests/integration/backup_faults.sh tests/integration/backup_ssh.sh tests/integration/backup_sealed.sh
EXTRA_DIST += tests/integration/bench.sh
EXTRA_DIST += tests/integration/exhaust.sh
EXTRA_DIST += tests/gateway.sh tests/browser.sh tests/integration/api_serve.sh tests/integration/api_socket.sh tests/integration/api_frames.sh tests/integration/api_promises.sh tests/api-1.0 tests/integration/websocket_cases.py tests/integration/websocket_client.py tests/integration/api_socket.py tests/integration/web_signin.sh tests/integration/web_socket.py
EXTRA_DIST += tests/faults.sh tests/volumes.sh tests/backups.sh
EXTRA_DIST += tests/world.sh tests/outside.sh tests/integration/networks.sh tests/integration/ipv6.sh tests/integration/ipv6_dhcp.sh

# Static, for it runs inside a machine.
check_PROGRAMS += exhaust
exhaust_SOURCES = tests/integration/exhaust.c
exhaust_CFLAGS = $(AM_CFLAGS) -fno-sanitize=all
exhaust_LDFLAGS = -static

# Static, for it runs inside a machine.
check_PROGRAMS += test_tun
test_tun_SOURCES = tests/integration/tun.c
test_tun_CFLAGS = $(AM_CFLAGS) -fno-sanitize=all
test_tun_LDFLAGS = -static

EXTRA_DIST += tests/vm/boot tests/vm/image tests/vm/init tests/vm/inside tests/vm/kernel tests/vm/lib.sh \
	tests/vm/metadata.sh tests/vm/pool.sh tests/vm/shell tests/vm/writers.sh
# A line a suite, so that changes do not meet.
EXTRA_DIST += tests/vm/suites/apparmor.sh tests/vm/suites/arrays.sh tests/vm/suites/attack.sh
EXTRA_DIST += tests/vm/suites/boot.sh
EXTRA_DIST += tests/vm/suites/costs.sh tests/vm/suites/dm.sh tests/vm/suites/exhaust.sh
EXTRA_DIST += tests/vm/suites/dir_limits.sh tests/vm/suites/disks.sh tests/vm/suites/reboot.sh tests/vm/suites/reinstall.sh
EXTRA_DIST += tests/vm/suites/inits.sh
EXTRA_DIST += tests/vm/suites/labelled.sh
EXTRA_DIST += tests/vm/suites/life.sh
EXTRA_DIST += tests/vm/suites/limits.sh
EXTRA_DIST += tests/vm/suites/metadata.sh
EXTRA_DIST += tests/vm/suites/selinux.sh
EXTRA_DIST += tests/vm/suites/space.sh tests/vm/suites/thin_stuck.sh
EXTRA_DIST += tests/vm/suites/powercut.sh tests/vm/suites/churn.sh tests/vm/suites/crowd.sh
EXTRA_DIST += tests/vm/suites/flakey.sh tests/vm/suites/peers.sh
EXTRA_DIST += tests/proof/replay tests/proof/crowd tests/proof/judge-powercut
EXTRA_DIST += tests/vm/suites/stream.sh tests/vm/suites/travel.sh
EXTRA_DIST += tests/vm/suites/systemd.sh
EXTRA_DIST += tests/vm/suites/thin.sh
EXTRA_DIST += tests/vm/suites/thin_care.sh tests/vm/suites/thin_kill.sh tests/vm/suites/thin_machines.sh
EXTRA_DIST += tests/vm/suites/thin_copies.sh tests/vm/suites/thin_damage.sh tests/vm/suites/thin_idle.sh
EXTRA_DIST += tests/vm/suites/lan.sh tests/vm/suites/units.sh tests/vm/suites/views.sh tests/vm/suites/walls.sh

#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# The collection of Ansible: its modules, inventory and connection, by Ansible itself.
needs_debian="bookworm"
needs_packages="openssh-server,python3"
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"
# shellcheck source=tests/other_host.sh
. "$top/tests/other_host.sh"

export ANSIBLE_COLLECTIONS_PATH=$T/collections ANSIBLE_HOME=$T/ansible ANSIBLE_LOCALHOST_WARNING=false
export ANSIBLE_INVENTORY_UNPARSED_WARNING=false ANSIBLE_STDOUT_CALLBACK=lines ANSIBLE_NOCOLOR=1
export ANSIBLE_CALLBACK_PLUGINS=$T/callbacks
export ANSIBLE_LOCAL_TEMP=$T/ansible/tmp PYTHONDONTWRITEBYTECODE=1

# An object for each result of a task, on a line of its own.
results_as_lines() {
	cat <<-'END'
	import json
	from ansible.plugins.callback import CallbackBase

	class CallbackModule(CallbackBase):
	    CALLBACK_TYPE = "stdout"
	    CALLBACK_NAME = "lines"

	    def tell(self, result, failed):
	        values = dict(result._result, task=result._task.get_name(), host=result._host.get_name(), failed=failed)
	        print(json.dumps(values, default=str), flush=True)

	    def v2_runner_on_ok(self, result):
	        self.tell(result, False)

	    def v2_runner_on_failed(self, result, ignore_errors=False):
	        self.tell(result, True)

	    v2_runner_on_unreachable = v2_runner_on_failed
	END
}

set_up() {
	mkdir -p "$T/collections/ansible_collections/berth"
	ln -s "$top/ansible" "$T/collections/ansible_collections/berth/machines"
	mkdir -p "$T/callbacks" "$T/ansible/tmp"
	results_as_lines >"$T/callbacks/lines.py"
	busybox_template bb
	printf 'plugin: berth.machines.inventory\nkeyed_groups:\n  - {key: berth_labels.role, prefix: role}\n' >"$T/berth.yml"
}

# play [OPTION...] <TASKS: plays these tasks on this host; the results are in $T/result, an object a task.
play() {
	{
		printf -- '- hosts: localhost\n  gather_facts: false\n  connection: local\n  tasks:\n'
		sed 's/^/    /'
	} >"$T/play.yml"
	play_file "$@" "$T/play.yml"
}

play_file() {
	local code=0
	timeout 300 ansible-playbook "$@" >"$T/result" 2>"$T/err" || code=$?
	cat "$T/result" "$T/err"
	return "$code"
}

# changed: which tasks have changed anything.
changed() {
	jq -s -r 'map(.changed) | join(" ")' "$T/result"
}

# play_fails SENTENCE <TASKS: the last task fails with that sentence.
play_fails() {
	local code=0
	play || code=$?
	same "the exit code" 2 "$code"
	has "$1" "$(jq -s -r '.[-1].msg' "$T/result")"
}

play_web() {
	play "$@" <<-'END'
	- name: machine
	  berth.machines.machine:
	    name: web
	    template: bb
	    settings: {limits.pids: 500, network: "", boot.autostart: true}
	    labels: {role: web}
	END
}

case_machine() {
	play_web --check --diff
	same "in check mode" true "$(changed)"
	fails 1 "no machine 'web'" berth info web
	play_web --diff
	same "first" "true running 500 yes web" "$(changed) $(jq -r '.machine.state' "$T/result") $(berth get web limits.pids) $(berth get web boot.autostart) $(berth get web label.role)"
	same "its difference" '{"before":{"boot.autostart":null,"label.role":null,"limits.pids":null,"network":null,"state":"absent"}' \
		"$(jq -c -S '.diff' "$T/result" | sed 's/,"after":.*//; s/"after":{[^}]*},//; s/}}$/}/')"
	play_web
	same "again" false "$(changed)"
	berth set web limits.pids=600
	berth stop --force web
	play_web --check --diff
	same "what would change" 'true 600 500 stopped running' "$(jq -r '[.changed, .diff.before["limits.pids"], .diff.after["limits.pids"], .diff.before.state, .diff.after.state] | map(tostring) | join(" ")' "$T/result")"
	same "nothing has" "600 stopped" "$(berth get web limits.pids) $(berth info --json web | jq -r .state)"
	play_web
	same "it runs" "true 500 running" "$(changed) $(berth get web limits.pids) $(berth info --json web | jq -r .state)"
	gone web
}

case_states() {
	local boot
	play <<-'END'
	- berth.machines.machine: {name: a, template: bb, state: present, settings: {network: ""}}
	- berth.machines.machine: {name: a, state: present}
	- berth.machines.machine: {name: a, state: paused}
	- berth.machines.machine: {name: a, state: paused}
	- berth.machines.machine: {name: a, state: running}
	- berth.machines.machine: {name: a, state: running}
	END
	same "what changed" "true false true false true false" "$(changed)"
	state_is a running
	boot=$(berth info --json a | jq .keeper)
	play <<-'END'
	- berth.machines.machine: {name: a, state: restarted, force: true}
	- berth.machines.machine: {name: a, state: stopped, force: true}
	- berth.machines.machine: {name: a, state: stopped}
	- berth.machines.machine: {name: b, source: a, state: present}
	- berth.machines.machine: {name: b, state: absent}
	- berth.machines.machine: {name: b, state: absent}
	- berth.machines.machine: {name: a, state: running}
	END
	same "what changed" "true true false true true false true" "$(changed)"
	[[ $(jq -s '.[0].machine.keeper' "$T/result") != "$boot" ]]
	play_fails "machine 'a' is running|runs" <<<'- berth.machines.machine: {name: a, state: absent}'
	state_is a running
	play <<<'- berth.machines.machine: {name: a, state: absent, force: true}'
	fails 1 "no machine 'a'" berth info a
}

# The sentence of the command is that of the task.
case_mistakes() {
	berth create --set network= bb a
	{
		cat <<-'END'
		- berth.machines.machine: {name: a, settings: {limits.pid: 5}}
		- berth.machines.machine: {name: none}
		- berth.machines.machine: {name: none, template: absent}
		- berth.machines.machine: {name: a, template: other}
		- berth.machines.machine: {name: -f, state: absent}
		- berth.machines.machine: {name: a, source: b, template: bb}
		- berth.machines.snapshot: {machine: a, name: s, state: restored}
		- berth.machines.template: {name: made}
		END
	} | sed 's/$/\n  ignore_errors: true/' | play
	same "all fail" "8 true" "$(jq -s -r '[length, all(.failed)] | map(tostring) | join(" ")' "$T/result")"
	jq -r .msg "$T/result" >"$T/messages"
	line() {
		has "$2" "$(sed -n "$1p" "$T/messages")"
	}
	line 1 "unknown key 'limits.pid'; did you mean 'limits.pids'"
	line 2 "give a template or a source"
	line 3 "no template 'absent'"
	line 4 "was made of template 'bb', not of 'other'"
	line 5 "name '-f'"
	line 6 "mutually exclusive"
	line 7 "machine 'a' has no snapshot 's'"
	line 8 "give a recipe, an image or an archive"
	same "nothing has changed" "16384" "$(berth get a limits.pids)"
	gone a
}

case_others() {
	berth create --set network= bb a
	play <<-'END'
	- berth.machines.snapshot: {machine: a, name: s}
	- berth.machines.snapshot: {machine: a, name: s}
	- berth.machines.snapshot: {machine: a, name: s, state: restored}
	- berth.machines.snapshot: {machine: a, name: s, state: absent}
	- berth.machines.snapshot: {machine: a, name: s, state: absent}
	- berth.machines.network: {name: data, settings: {nat: false, mtu: 1400}}
	- berth.machines.network: {name: data, settings: {nat: false, mtu: 1400}}
	- berth.machines.network: {name: data, settings: {mtu: null}}
	- berth.machines.network: {name: data, state: absent}
	- berth.machines.network: {name: data, state: absent}
	END
	same "what changed" "true false true true false true false true true false" "$(changed)"
	busybox_root "$T/root-of-bb"
	play <<-END
	- berth.machines.template: {name: made, archive: $T/root-of-bb}
	- berth.machines.template: {name: made, archive: $T/root-of-bb}
	- berth.machines.template: {name: made, state: absent}
	- berth.machines.template: {name: made, state: absent}
	END
	same "what changed" "true false true false" "$(changed)"
	gone a
}

# Twenty machines are made by one task and are hosts of the next one.
case_twenty() {
	play <<-'END'
	- berth.machines.machine: {name: "n{{ item }}", template: bb, settings: {network: ""}, labels: {role: node}}
	  loop: "{{ range(1, 21) }}"
	END
	berth create --set network= bb stopped
	cat >"$T/all.yml" <<-'END'
	- hosts: role_node
	  gather_facts: false
	  tasks:
	    - ansible.builtin.raw: echo $HOSTNAME $(hostname); exit 0
	END
	play_file -i "$T/berth.yml" --forks 20 "$T/all.yml"
	same "hosts" "$(printf '%s\n' n{1..20} | sort)" "$(jq -r .host "$T/result" | sort)"
	same "each in its own machine" 20 "$(jq -s -r 'map(select(.host as $h | .stdout | test("\\b" + $h + "\r?\n"))) | length' "$T/result")"
	same "variables" '"running" "bb"' "$(ansible-inventory -i "$T/berth.yml" --host n7 | jq -c '.berth_state, .berth_template' | tr '\n' ' ' | sed 's/ $//')"
	printf 'plugin: berth.machines.inventory\nstates: []\nlabels: ""\n' >"$T/every.berth.yml"
	ansible-inventory -i "$T/every.berth.yml" --list | jq -e '._meta.hostvars | has("stopped")'
	berth delete --force --label role=node
	gone stopped
}

# Modules in a Debian, whose users have files of their own.
case_connection() {
	debian_template bookworm
	berth launch --set network= --user ann bookworm d
	berth start --wait d
	printf 'text\n\0\377' >"$T/binary"
	cat >"$T/in.yml" <<-END
	- hosts: d
	  gather_facts: true
	  tasks:
	    - ansible.builtin.copy: {src: $T/binary, dest: /root/binary, mode: "0640"}
	    - ansible.builtin.copy: {src: $T/binary, dest: /root/binary, mode: "0640"}
	    - ansible.builtin.fetch: {src: /root/binary, dest: $T/fetched, flat: true}
	    - ansible.builtin.command: id -un
	    - ansible.builtin.copy: {src: $T/binary, dest: /home/ann/binary}
	      remote_user: ann
	    - ansible.builtin.command: id -un
	      remote_user: ann
	    - ansible.builtin.command: sh -c 'exit 125'
	      ignore_errors: true
	    - ansible.builtin.debug: {msg: "{{ ansible_facts.hostname }} {{ ansible_facts.distribution }}"}
	END
	play_file -i "$T/berth.yml" "$T/in.yml"
	cmp "$T/binary" "$T/fetched"
	same "again" "true false" "$(jq -s -r 'map(select(.task == "ansible.builtin.copy")) | .[:2] | map(.changed) | join(" ")' "$T/result")"
	same "users" "root ann" "$(jq -s -r 'map(select(.cmd == ["id", "-un"])) | map(.stdout) | join(" ")' "$T/result")"
	same "owner" "ann" "$(berth exec d -- stat -c %U /home/ann/binary)"
	same "a command's own code" 125 "$(jq -s -r 'map(select(.rc == 125)) | .[0].rc' "$T/result")"
	same facts "d Debian" "$(jq -s -r '.[-1].msg' "$T/result")"
	berth stop --force d
	code=0
	ansible -i "d," d -m ansible.builtin.raw -a true -e ansible_connection=berth.machines.exec >"$T/out" 2>&1 || code=$?
	same "unreachable" 4 "$code"
	has "machine 'd' is not running" "$(cat "$T/out")"
	gone d
}

# Machines of another host, over a real ssh; words and names come through its shell as they are.
case_other_host() {
	start_server
	there template import "${debian_tar_bookworm:?}" bookworm
	there launch --wait --set network= bookworm far
	printf 'plugin: berth.machines.inventory\nserver: other\nssh: ssh -F %s/ssh/config\nexecutable: %s/ssh/berth\n' "$T" "$T" >"$T/far.berth.yml"
	printf 'text\n\0\377' >"$T/binary"
	cat >"$T/far.yml" <<-END
	- hosts: all
	  gather_facts: false
	  tasks:
	    - ansible.builtin.copy: {src: $T/binary, dest: "/root/a 'b' \$c"}
	    - ansible.builtin.fetch: {src: "/root/a 'b' \$c", dest: $T/came-back, flat: true}
	    - ansible.builtin.command: {argv: [echo, "a 'b' *; id", "two\nlines"]}
	END
	play_file -i "$T/far.berth.yml" "$T/far.yml"
	cmp "$T/binary" "$T/came-back"
	same "its words" "far a 'b' *; id two
lines" "$(jq -s -r '.[-1] | .host + " " + .stdout' "$T/result")"
	there delete --force far
}

tear_down() {
	[[ ! -e $T/ssh/pid ]] || stop_server
}

# The documentation of each plugin is complete, and the collection builds.
case_collection() {
	local one
	for one in machine snapshot template network; do
		ansible-doc -j -t module "berth.machines.$one" | jq -e ".[].doc.options.executable.default == \"berth\""
	done
	ansible-doc -j -t connection berth.machines.exec | jq -e '.[].doc.options.server'
	ansible-doc -j -t inventory berth.machines.inventory | jq -e '.[].doc.options.keyed_groups'
	ansible-galaxy collection build --output-path "$T" "$top/ansible"
	tar -tzf "$T"/berth-machines-*.tar.gz >"$T/files"
	grep -qx plugins/modules/machine.py "$T/files"
	same "its version" "$(berth version | grep -o '[0-9][0-9.]*' | head -n 1)" "$(sed -n 's/^version: //p' "$top/ansible/galaxy.yml")"
}

run_cases "$@"

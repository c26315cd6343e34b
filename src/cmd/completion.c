/* SPDX-License-Identifier: GPL-2.0-or-later */
/* completion: the scripts for shells. They are also installed, from completions/; a test compares both. */
#include "cmd/cli/output.h"
#include "cmd/cli/verbs.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static const struct script {
	const char *shell, *text;
} scripts[] = {
	{ "bash",
	  "# Completion of berth(1) for bash: berth itself knows its words.\n"
	  "_berth() {\n"
	  "\tlocal IFS=$'\\n' word words=() last\n"
	  "\t# Bash takes a word apart at '='.\n"
	  "\tfor word in \"${COMP_WORDS[@]:1:COMP_CWORD}\"; do\n"
	  "\t\tif [[ ${#words[@]} -gt 0 && ($word == = || ${words[-1]} == *=) ]]; then\n"
	  "\t\t\twords[-1]+=$word\n"
	  "\t\telse\n"
	  "\t\t\twords+=(\"$word\")\n"
	  "\t\tfi\n"
	  "\tdone\n"
	  "\tmapfile -t COMPREPLY < <(berth _complete -- \"${words[@]}\" 2>/dev/null; echo $?)\n"
	  "\tif [[ ${COMPREPLY[-1]} == 3 ]]; then\n"
	  "\t\tcompopt -o default\n"
	  "\t\tCOMPREPLY=()\n"
	  "\t\treturn\n"
	  "\tfi\n"
	  "\tunset 'COMPREPLY[-1]'\n"
	  "\tlast=${words[-1]-}\n"
	  "\tif [[ $last == *=* ]]; then\n"
	  "\t\tCOMPREPLY=(\"${COMPREPLY[@]#\"${last%%=*}=\"}\")\n"
	  "\telif [[ ${COMPREPLY[0]-} == *= ]]; then\n"
	  "\t\tcompopt -o nospace\n"
	  "\tfi\n"
	  "}\n"
	  "complete -F _berth berth\n" },
	{ "zsh",
	  "#compdef berth\n"
	  "# Completion of berth(1) for zsh: berth itself knows its words.\n"
	  "_berth() {\n"
	  "\tlocal -a replies\n"
	  "\tlocal code\n"
	  "\treplies=(\"${(@f)$(berth _complete -- \"${(@)words[2,CURRENT]}\" 2>/dev/null)}\")\n"
	  "\tcode=$?\n"
	  "\tif ((code == 3)); then\n"
	  "\t\t_files\n"
	  "\telif [[ ${replies[1]} == *= ]]; then\n"
	  "\t\tcompadd -S '' -- \"${(@)replies}\"\n"
	  "\telif [[ -n ${replies[1]} ]]; then\n"
	  "\t\tcompadd -- \"${(@)replies}\"\n"
	  "\tfi\n"
	  "}\n"
	  "if [[ ${funcstack[1]-} == _berth ]]; then\n"
	  "\t_berth \"$@\"\n"
	  "else\n"
	  "\tcompdef _berth berth\n"
	  "fi\n" },
	{ "fish", "# Completion of berth(1) for fish: berth itself knows its words.\n"
		  "function __berth_complete\n"
		  "\tset -l words (commandline -opc)[2..] (commandline -ct)\n"
		  "\tset -l replies (berth _complete -- $words 2>/dev/null)\n"
		  "\tif test $status -eq 3\n"
		  "\t\t__fish_complete_path (commandline -ct)\n"
		  "\telse\n"
		  "\t\tprintf '%s\\n' $replies\n"
		  "\tend\n"
		  "end\n"
		  "complete -c berth -f -a '(__berth_complete)'\n" },
};

static int run_completion(struct call *call, struct err *err)
{
	for (size_t i = 0; i < sizeof scripts / sizeof *scripts; i++) {
		if (strcmp(call->words[0], scripts[i].shell) != 0)
			continue;
		output_text(scripts[i].text);
		return 0;
	}
	err_set(err, EINVAL, "there is no completion for '%.40s'; there is for bash, zsh and fish",
		call->words[0]);
	return EXIT_USAGE;
}

const struct command command_completion = {
	.name = "completion",
	.args = "SHELL",
	.help = "Print the completion script for a shell: bash, zsh or fish",
	.traits = COMMAND_ANYONE,
	.min = 1,
	.max = 1,
	.first = WORD_SHELL,
	.run = run_completion,
};

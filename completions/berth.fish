# Completion of berth(1) for fish: berth itself knows its words.
function __berth_complete
	set -l words (commandline -opc)[2..] (commandline -ct)
	set -l replies (berth _complete -- $words 2>/dev/null)
	if test $status -eq 3
		__fish_complete_path (commandline -ct)
	else
		printf '%s\n' $replies
	end
end
complete -c berth -f -a '(__berth_complete)'

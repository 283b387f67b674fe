# bash completion for nvbind, bolt and nvbind-sim: the programs know their commands, options and values themselves.
_nvbind_complete() {
	local IFS=$'\n'
	COMPREPLY=($("${COMP_WORDS[0]}" __complete "${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null))
}
complete -o default -F _nvbind_complete nvbind bolt nvbind-sim

#!/bin/zsh -f
# SPDX-License-Identifier: GPL-2.0-only
#
# complete.zsh SCRIPT LINE FILE: what an interactive zsh that has sourced SCRIPT offers at the end of LINE is put into FILE,
# a word a line. That shell reads this file too, and then defines what follows.

offered()
{
	local -a matches
	builtin compadd -O matches "$@"
	print -lr -- $matches >>$offers
}

prepare()
{
	autoload -U compinit
	compinit -D -u
	source $1
	offers=$2
	compadd()
	{
		# those with an array of their own only sort out
		((${@[(I)-[OAD]]})) || offered "$@"
		builtin compadd "$@"
	}
	told() print -r -- completed
	zle -N told
	bindkey '^T' told
	print -r -- prepared
}

[[ $ZSH_EVAL_CONTEXT == toplevel ]] || return 0
zmodload zsh/zpty
zpty shell zsh -f -i
zpty -w shell "source ${(q)0}; prepare ${(q)1} ${(q)3}"
zpty -r shell said $'*\nprepared*'
zpty -n -w shell "$2"$'\t\x14'
zpty -r shell said $'*completed*'
zpty -d shell

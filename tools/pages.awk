#!/usr/bin/awk -f
# SPDX-License-Identifier: GPL-2.0-only
#
# Turns the pages of docs/ into what the program (-v to=text) or scdoc (-v to=man) takes.
#
#     awk -f tools/pages.awk -v to=text docs/verdicts/*.md docs/errors.md
#
# Of Markdown the pages have headings, paragraphs, items ("- "), blocks of code (```), code in a line (`x`), and links to
# verdicts. For the program each block becomes a line that begins with its kind: '#' heading, ' ' paragraph, '-' item, '>'
# line of code; and before each page stands '@' and the verdict, or '!' and the title of an error, and '~' and its messages,
# with tabs between them. What a page lacks or has too much, and links that lead nowhere, are errors: exit status 1, and nothing is made.

BEGIN {
	split("What happened|What the applications see|How to confirm|How to fix|How to tell it from its neighbours",
	      sections, "|")
	for (i = 1; i < ARGC; i++) {
		if (ARGV[i] ~ /verdicts\/.*\.md$/)
			is_verdict[name_of(ARGV[i])] = 1
	}
}

# docs/verdicts/unread-data.md is unread-data
function name_of(path) {
	sub(/.*\//, "", path)
	sub(/\.md$/, "", path)
	return path
}

function wrong(words) {
	printf "%s:%s: %s\n", file, file == FILENAME ? FNR : "end", words >"/dev/stderr"
	failed = 1
}

# ---- blocks ----------------------------------------------------------------------------------------------------------

function finish_page() {
	finish_block()
	if (code)
		wrong("a block of code has no end")
	if (page == "errors") {
		finish_error()
	} else {
		if (section < 5)
			wrong("no section '" sections[section + 1] "' in " page ".md")
		if (text ~ /(^|\n)#[^\n]*\n(#|$)/)
			wrong("a section of " page ".md is empty")
		texts_of[page] = text
	}
	text = ""
	section = code = 0
}

# [`name`](name.md) and [`name`](verdicts/name.md) become `name`: the verdict must exist.
function without_links(line, before, link, label, target) {
	while (match(line, /\[`[^`]*`\]\([^)]*\)/)) {
		before = substr(line, 1, RSTART - 1)
		link = substr(line, RSTART, RLENGTH)
		line = substr(line, RSTART + RLENGTH)
		label = link
		gsub(/^\[`|`\].*$/, "", label)
		target = link
		gsub(/^.*\(|\)$/, "", target)
		if (target != (page == "errors" ? "verdicts/" : "") label ".md" || !(label in is_verdict))
			wrong("the link to '" target "' does not lead to a verdict '" label "'")
		line = before "`" label "`" line
	}
	return line
}

function finish_block() {
	if (block == "")
		return
	block = without_links(block)
	if (block ~ /\]\(/)
		wrong("only verdicts are linked to")
	if (page == "errors" && title != "" && messages == "" && block ~ /^ Messages: /)
		messages = block
	else
		text = text block "\n"
	block = ""
}

function start_section(name) {
	section++
	if (name != sections[section])
		wrong("section '" name "' seen, '" sections[section] "' expected")
	text = text "#" name "\n"
}

# ---- the page of error messages --------------------------------------------------------------------------------------

function finish_error(list) {
	if (title == "")
		return
	while (match(messages, /`[^`]+`/)) {
		list = list "\t" substr(messages, RSTART + 1, RLENGTH - 2)
		messages = substr(messages, RSTART + RLENGTH)
	}
	if (text !~ /(^|\n)-`/)
		wrong("'" title "' leads to no verdict")
	error_title[++errors] = title
	error_list[errors] = title list
	error_text[errors] = text
	title = messages = text = ""
}

# ---- lines -----------------------------------------------------------------------------------------------------------

FNR == 1 {
	if (NR > 1)
		finish_page()
	file = FILENAME
	page = name_of(file)
	title = messages = ""
}

/^```/ { finish_block(); code = !code; next }
code { text = text ">" $0 "\n"; next }
/^<!--/ { next }
/^# / {
	if (page != "errors" && $0 != "# " page)
		wrong("'# " page "' expected")
	next
}
/^## / {
	finish_block()
	if (page == "errors") {
		finish_error()
		title = substr($0, 4)
		text = ""
	} else {
		start_section(substr($0, 4))
	}
	next
}
/^- / { finish_block(); block = "-" substr($0, 3); next }
/^[ \t]*$/ { finish_block(); next }
block != "" { sub(/^ +/, ""); block = block " " $0; next }
{ block = " " $0 }

# ---- what comes of it ------------------------------------------------------------------------------------------------

# Without markup, code in a line is in quotes if it is more than a word.
function without_markup(words, out, code) {
	while (match(words, /`[^`]*`/)) {
		code = substr(words, RSTART + 1, RLENGTH - 2)
		out = out substr(words, 1, RSTART - 1) (code ~ / / ? "\"" code "\"" : code)
		words = substr(words, RSTART + RLENGTH)
	}
	return out words
}

function print_text(i, name) {
	for (i = 1; i < ARGC; i++) {
		name = name_of(ARGV[i])
		if (name in texts_of)
			printf "@%s\n%s", name, without_markup(texts_of[name])
	}
	for (i = 1; i <= errors; i++)
		printf "!%s\n~%s\n%s", error_title[i], error_list[i], without_markup(error_text[i])
}

# In scdoc '_' and '*' are markup; code in a line is bold.
function as_man(words, out, n, parts, i) {
	gsub(/\\/, "&&", words)
	gsub(/[][_*~<>#.|+-]/, "\\\\&", words)
	n = split(words, parts, "`")
	for (i = 1; i <= n; i++)
		out = out (i % 2 ? "" : "*") parts[i] (i < n && i % 2 == 0 ? "*" : "")
	return out
}

function print_man_page(words, lines, n, i, kind, last) {
	n = split(words, lines, "\n")
	for (i = 1; i < n; i++) {
		kind = substr(lines[i], 1, 1)
		if (last == ">" && kind != ">")
			print "```"
		if (last != kind || kind == " " || kind == "#")
			print ""
		if (last != ">" && kind == ">")
			print "```"
		if (kind == "#")
			print "*" substr(lines[i], 2) "*"
		else if (kind == "-")
			print "- " as_man(substr(lines[i], 2))
		else if (kind == ">")
			print substr(lines[i], 2)
		else
			print as_man(substr(lines[i], 2))
		last = kind
	}
	if (last == ">")
		print "```"
}

# In the order of the files; the errors last.
function print_man(i, name) {
	print "\n# VERDICTS"
	for (i = 1; i < ARGC; i++) {
		name = name_of(ARGV[i])
		if (!(name in texts_of))
			continue
		print "\n## " name
		print_man_page(texts_of[name])
	}
	print "\n# ERROR MESSAGES"
	for (i = 1; i <= errors; i++) {
		print "\n## " error_title[i]
		print_man_page(error_text[i])
	}
}

END {
	finish_page()
	if (failed)
		exit 1
	if (to == "text")
		print_text()
	else
		print_man()
}

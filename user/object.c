// SPDX-License-Identifier: GPL-2.0-only
#include "object.h"

#include <dwarf.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "object_parts.h"
#include "regular_file.h"

#define DEBUG_MAX    (256U << 20) /* bytes of debugging information that is read, unpacked */
#define SEGMENTS_MAX 64
#define UNITS_MAX    100000 /* compilation units that are looked through for an address */

#if defined(__aarch64__)
#define MACHINE EM_AARCH64
#else
#define MACHINE EM_X86_64
#endif

struct object {
	Elf *elf, *debug_elf; /* debug_elf: separate debugging information, or NULL */
	int fd, debug_fd;
	uint8_t build_id[BUILD_ID_MAX];
	GElf_Phdr code[SEGMENTS_MAX]; /* what is executable */
	size_t code_n;
	struct symbols symbols;
	Dwarf *dwarf;
	Dwarf_CFI *cfi, *debug_cfi; /* .eh_frame; .debug_frame, which belongs to dwarf */
	size_t memory;
	bool has_debug, has_symbols, has_cfi; /* they have been looked for */
	char *path;
};

/* ---- the file -------------------------------------------------------------------------------- */

/* Read, not mapped: a mapped file that is cut short by somebody kills whoever looks at it. */
static Elf *read_elf(int fd)
{
	GElf_Ehdr header;
	Elf *elf;

	if (elf_version(EV_CURRENT) == EV_NONE)
		return NULL;
	elf = elf_begin(fd, ELF_C_READ, NULL);
	if (elf && elf_kind(elf) == ELF_K_ELF && gelf_getehdr(elf, &header) &&
	    header.e_machine == MACHINE && gelf_getclass(elf) == ELFCLASS64 &&
	    section_names_end(elf))
		return elf;
	elf_end(elf);
	return NULL;
}

/* The note that has it, out of a segment or section of notes. */
static bool find_build_id(struct object *o, Elf_Data *notes)
{
	size_t at = 0, name, description;
	GElf_Nhdr note;

	while (notes && (at = gelf_getnote(notes, at, &note, &name, &description))) {
		const char *bytes = notes->d_buf;

		if (note.n_type != NT_GNU_BUILD_ID || note.n_namesz != sizeof("GNU") ||
		    memcmp(bytes + name, "GNU", sizeof("GNU")))
			continue;
		memcpy(o->build_id, bytes + description,
		       note.n_descsz < BUILD_ID_MAX ? note.n_descsz : BUILD_ID_MAX);
		return true;
	}
	return false;
}

static void read_segments(struct object *o)
{
	bool found = false;
	GElf_Phdr p;
	size_t n;

	if (elf_getphdrnum(o->elf, &n))
		return;
	for (size_t i = 0; i < n && gelf_getphdr(o->elf, i, &p); i++) {
		if (p.p_type == PT_LOAD && p.p_flags & PF_X && o->code_n < SEGMENTS_MAX)
			o->code[o->code_n++] = p;
		if (p.p_type == PT_NOTE && !found)
			found = find_build_id(
				o, elf_getdata_rawchunk(o->elf, p.p_offset, p.p_filesz,
							p.p_align == 8 ? ELF_T_NHDR8 : ELF_T_NHDR));
	}
}

/* ---- separate debugging information ---------------------------------------------------------- */

static int open_debug_file(const struct object *o, int root)
{
	static const uint8_t none[BUILD_ID_MAX];
	char path[128];
	int n;

	if (!memcmp(o->build_id, none, sizeof(none)))
		return -1;
	n = snprintf(path, sizeof(path), "usr/lib/debug/.build-id/%02x/", o->build_id[0]);
	for (int i = 1; i < BUILD_ID_MAX; i++)
		n += snprintf(path + n, sizeof(path) - n, "%02x", o->build_id[i]);
	snprintf(path + n, sizeof(path) - n, ".debug");
	return regular_file_beneath(root, path);
}

static void find_debug_elf(struct object *o, int root)
{
	int here;

	o->debug_fd = root < 0 ? -1 : open_debug_file(o, root);
	if (o->debug_fd < 0) {
		here = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
		o->debug_fd = open_debug_file(o, here);
		if (here >= 0)
			close(here);
	}
	if (o->debug_fd >= 0)
		o->debug_elf = read_elf(o->debug_fd);
}

static bool has_prefix(const char *name, const char *prefix)
{
	return !strncmp(name, prefix, strlen(prefix));
}

/* What libdw would have to hold in memory; what says that it is packed says how large it is. */
static size_t debug_size(Elf *elf)
{
	Elf_Scn *section = NULL;
	size_t names, sum = 0;
	GElf_Shdr header;
	GElf_Chdr packed;

	if (elf_getshdrstrndx(elf, &names))
		return 0;
	while ((section = elf_nextscn(elf, section)) && gelf_getshdr(section, &header)) {
		const char *name = elf_strptr(elf, names, header.sh_name);
		uint64_t size = header.sh_size;

		if (!name || header.sh_type == SHT_NOBITS)
			continue;
		if (has_prefix(name, ".zdebug_"))
			return SIZE_MAX; /* an older way of packing, which says it elsewhere */
		if (!has_prefix(name, ".debug_"))
			continue;
		if (header.sh_flags & SHF_COMPRESSED)
			size = gelf_getchdr(section, &packed) ? packed.ch_size : SIZE_MAX;
		if (size > DEBUG_MAX || sum > DEBUG_MAX)
			return SIZE_MAX;
		sum += size;
	}
	return sum;
}

/* libdw, of 0.188, looks for the end of a file's name beyond the section that it is in. */
static bool debug_strings_end(Elf *elf)
{
	Elf_Scn *section = NULL;
	GElf_Shdr header;
	size_t names;

	if (elf_getshdrstrndx(elf, &names))
		return false;
	while ((section = elf_nextscn(elf, section)) && gelf_getshdr(section, &header)) {
		const char *name = elf_strptr(elf, names, header.sh_name);
		Elf_Data *data;

		if (!name || header.sh_type == SHT_NOBITS ||
		    has_prefix(name, ".debug_str_offsets") ||
		    (!has_prefix(name, ".debug_str") && !has_prefix(name, ".debug_line_str")))
			continue;
		data = elf_rawdata(section, NULL);
		if (data && data->d_size && ((const char *)data->d_buf)[data->d_size - 1])
			return false;
	}
	return true;
}

static Dwarf *open_dwarf(struct object *o, Elf *elf)
{
	size_t size = elf ? debug_size(elf) : 0;
	Dwarf *dwarf;

	if (!size || size > DEBUG_MAX)
		return NULL;
	o->memory += size;
	dwarf = dwarf_begin_elf(elf, DWARF_C_READ, NULL); /* which unpacks them */
	if (!dwarf || debug_strings_end(elf))
		return dwarf;
	dwarf_end(dwarf);
	return NULL;
}

/* ---- open and close -------------------------------------------------------------------------- */

struct object *object_open(int fd, const char *path)
{
	struct object *o = calloc(1, sizeof(*o));

	if (!o) {
		close(fd);
		return NULL;
	}
	o->fd = fd;
	o->debug_fd = -1;
	o->elf = read_elf(fd);
	o->path = strdup(path);
	if (!o->elf || !o->path) {
		object_close(o);
		return NULL;
	}
	read_segments(o);
	return o;
}

void object_find_debug(struct object *o, int root)
{
	struct stat st;

	if (o->has_debug)
		return;
	o->has_debug = true;
	find_debug_elf(o, root);
	o->dwarf = open_dwarf(o, o->debug_elf);
	if (!o->dwarf)
		o->dwarf = open_dwarf(o, o->elf);
	if (!fstat(o->fd, &st))
		o->memory += st.st_size / 4; /* symbols, and how to unwind */
}

void object_close(struct object *o)
{
	if (!o)
		return;
	symbols_free(&o->symbols);
	if (o->cfi)
		dwarf_cfi_end(o->cfi);
	dwarf_end(o->dwarf);
	elf_end(o->debug_elf);
	elf_end(o->elf);
	close(o->fd);
	if (o->debug_fd >= 0)
		close(o->debug_fd);
	free(o->path);
	free(o);
}

const char *object_path(const struct object *o)
{
	return o->path;
}

size_t object_memory(const struct object *o)
{
	return o->memory;
}

const uint8_t *object_build_id(const struct object *o)
{
	return o->build_id;
}

/* ---- addresses ------------------------------------------------------------------------------- */

static const GElf_Phdr *code_at(const struct object *o, uint64_t offset)
{
	for (size_t i = 0; i < o->code_n; i++)
		if (offset >= o->code[i].p_offset &&
		    offset - o->code[i].p_offset < o->code[i].p_filesz)
			return &o->code[i];
	return NULL;
}

bool object_address(const struct object *o, uint64_t offset, uint64_t *address)
{
	const GElf_Phdr *p = code_at(o, offset);

	if (!p)
		return false;
	*address = offset - p->p_offset + p->p_vaddr;
	return true;
}

static bool tell_code(const GElf_Phdr *p, uint64_t *begin, uint64_t *size)
{
	if (!p)
		return false;
	*begin = p->p_offset;
	*size = p->p_filesz;
	return true;
}

bool object_code_at(const struct object *o, uint64_t offset, uint64_t *begin, uint64_t *size)
{
	return tell_code(code_at(o, offset), begin, size);
}

bool object_first_code(const struct object *o, uint64_t *begin, uint64_t *size)
{
	const GElf_Phdr *first = o->code_n ? &o->code[0] : NULL;

	for (size_t i = 1; i < o->code_n; i++)
		if (o->code[i].p_vaddr < first->p_vaddr)
			first = &o->code[i];
	return tell_code(first, begin, size);
}

/* ---- functions and lines --------------------------------------------------------------------- */

const char *object_function(struct object *o, uint64_t address)
{
	const struct symbol *symbol;

	if (!o->has_symbols)
		symbols_read(&o->symbols, o->elf, o->debug_elf);
	o->has_symbols = true;
	symbol = symbols_find(&o->symbols, address);
	return symbol ? symbol->name : NULL;
}

/* Where the file has no index of addresses (.debug_aranges), as of clang and Go. */
static Dwarf_Die *search_units(Dwarf *dwarf, uint64_t address, Dwarf_Die *die)
{
	Dwarf_CU *unit = NULL;

	for (int i = 0; i < UNITS_MAX; i++) {
		if (dwarf_get_units(dwarf, unit, &unit, NULL, NULL, die, NULL))
			return NULL;
		if (dwarf_haspc(die, address) == 1)
			return die;
	}
	return NULL;
}

bool object_line(struct object *o, uint64_t address, const char **file, unsigned int *number)
{
	Dwarf_Die die, *unit = NULL;
	Dwarf_Line *line;
	int n;

	if (!o->dwarf)
		return false;
	if (dwarf_addrdie(o->dwarf, address, &die))
		unit = &die;
	else
		unit = search_units(o->dwarf, address, &die);
	line = unit ? dwarf_getsrc_die(unit, address) : NULL;
	if (!line || dwarf_lineno(line, &n) || n <= 0)
		return false;
	*file = dwarf_linesrc(line, NULL, NULL);
	*number = n;
	return *file;
}

/* ---- unwinding ------------------------------------------------------------------------------- */

Dwarf_Frame *object_frame(struct object *o, uint64_t address)
{
	Dwarf_Frame *frame;

	if (!o->has_cfi) {
		o->cfi = dwarf_getcfi_elf(o->elf);
		o->debug_cfi = o->dwarf ? dwarf_getcfi(o->dwarf) : NULL;
	}
	o->has_cfi = true;
	if (o->cfi && !dwarf_cfi_addrframe(o->cfi, address, &frame))
		return frame;
	if (o->debug_cfi && !dwarf_cfi_addrframe(o->debug_cfi, address, &frame))
		return frame;
	return NULL;
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "network/host_names.h"

#include "base/child.h"
#include "base/file.h"
#include "base/install.h"
#include "base/scoped.h"
#include "base/text.h"
#include "network/bridge.h"
#include "network/dns.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <time.h>

enum {
	WORDS_MAX = 160, /* 128 zones of an IPv4 subnet, 8 of an IPv6 subnet, and the others */
	NOTE_MAX = 8192,
	ANSWER_SECONDS = 4, /* longer than berth-names waits for the bus */
	AGAIN_SECONDS = 60, /* between two attempts that fail */
	EXIT_ABSENT = 3,    /* of berth-names: no systemd-resolved in this network namespace */
};

/* The note of an attempt that has failed. */
static const char refused[] = "-";

bool host_names_offered(void)
{
	char program[PATH_MAX];

	return access("/run/systemd/resolve/io.systemd.Resolve", F_OK) == 0 &&
	       install_program("berth-names", program, sizeof program) == 0 &&
	       access(program, X_OK) == 0;
}

static char *note_path(const struct dirs *dirs, const char *network)
{
	return dirs_run_path(dirs, "networks/%s/resolved", network);
}

/* dnsmasq asks nobody else about these addresses; about others it would ask the host, which would ask it again. */
static bool is_private4(uint32_t address)
{
	return address >> 24 == 10 || address >> 20 == 0xac1 || address >> 16 == 0xc0a8;
}

/* The zones of the DNS that have the names of the subnet's addresses: whole bytes of it. */
static void add_zones4(const struct network *network, struct text *words)
{
	unsigned bytes = (network->prefix + 7) / 8;
	uint32_t address = ntohl(network->subnet.s_addr);

	if (!network->prefix || !is_private4(address))
		return;
	for (uint32_t i = 0; i < 1U << (bytes * 8 - network->prefix); i++) {
		uint32_t zone = (address >> (32 - bytes * 8)) + i;
		text_add(words, " ");
		for (unsigned n = 0; n < bytes; n++, zone >>= 8)
			text_add(words, "%u.", zone & 0xff);
		text_add(words, "in-addr.arpa");
	}
}

/* The same for IPv6: whole digits. */
static void add_zones6(const struct network *network, struct text *words)
{
	unsigned digits = (network->prefix6 + 3) / 4;
	unsigned char address[16];

	memcpy(address, &network->gateway6, sizeof address);
	if (!network->prefix6 || address[0] != 0xfd)
		return;
	unsigned count = 1U << (digits * 4 - network->prefix6);
	for (unsigned i = 0; i < count; i++) {
		text_add(words, " ");
		for (unsigned n = digits; n-- > 0;) {
			unsigned digit = n % 2 ? address[n / 2] & 15U : address[n / 2] >> 4;
			if (n == digits - 1)
				digit = (digit & ~(count - 1)) + i;
			text_add(words, "%x.", digit);
		}
		text_add(words, "ip6.arpa");
	}
}

/* The words for berth-names: link, server and domains; without a server and a domain the link alone. */
static void print_wanted(const struct network *network, bool serves, struct text *words)
{
	char server[INET_ADDRSTRLEN];
	const char *domain = network->config.domain;

	text_add(words, "%d", network->bridge);
	if (!serves || !network->config.dhcp || !domain || !*domain)
		return;
	inet_ntop(AF_INET, &network->gateway, server, sizeof server);
	text_add(words, " %s %s", server, domain);
	add_zones4(network, words);
	add_zones6(network, words);
}

/* Whether the note says that systemd-resolved has these words, or has refused some a moment ago. */
static bool note_says(const char *path, const char *wanted)
{
	scoped_free char *note = NULL;
	struct stat st;

	if (file_read(AT_FDCWD, path, NOTE_MAX, &note) < 0)
		return !strchr(wanted, ' ');
	if (strcmp(note, refused) != 0)
		return strcmp(note, wanted) == 0;
	time_t now = time(NULL);
	return stat(path, &st) == 0 && st.st_mtime <= now && now - st.st_mtime < AGAIN_SECONDS;
}

bool host_names_are_current(const struct network *network, bool serves)
{
	scoped_text struct text wanted = { 0 };

	if (!network->bridge || !host_names_offered())
		return true;
	scoped_free char *path = note_path(network->dirs, network->name);
	print_wanted(network, serves, &wanted);
	return !path || wanted.failed || note_says(path, text_str(&wanted));
}

/* 0: done, also if there is nobody to tell; else the sentence is in err. */
static int run_program(const char *wanted, bool *absent, struct err *err)
{
	scoped_free char *words = strdup(wanted);
	scoped_text struct text said = { 0 };
	const char *argv[WORDS_MAX + 2];
	char program[PATH_MAX];
	int code = 0;
	struct child_io io = { .errors = &said, .code = &code, .seconds = ANSWER_SECONDS };

	if (!words || install_program("berth-names", program, sizeof program) < 0)
		return err_set(err, ENOMEM, "out of memory");
	argv[0] = program;
	size_t count = text_split_words(words, argv + 1, WORDS_MAX);
	argv[count + 1] = NULL;
	if (child_run(argv, &io, err) < 0)
		return -err->code;
	*absent = code == EXIT_ABSENT;
	if (code == 0 || *absent)
		return 0;
	char *line = said.data ? text_trim(said.data) : NULL;
	return err_set(err, EREMOTEIO, "%.300s",
		       line && *line ? line : "berth-names ended without a word");
}

static void write_note(const char *path, const char *text)
{
	scoped_fd int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_NONBLOCK | O_CLOEXEC, 0644);

	if (fd < 0 || file_write_all(fd, text, strlen(text), -1) < 0)
		unlink(path);
}

void host_names_settle(struct network *network, bool serves)
{
	scoped_text struct text wanted = { 0 };
	struct err why = { 0 };
	bool absent = false;

	if (host_names_are_current(network, serves))
		return;
	scoped_free char *path = note_path(network->dirs, network->name);
	print_wanted(network, serves, &wanted);
	if (!path || wanted.failed)
		return;
	int r = run_program(text_str(&wanted), &absent, &why);
	if (r < 0)
		network_warn(network,
			     "network '%s': the host does not find its machines through "
			     "systemd-resolved: %s",
			     network->name, why.text);
	write_note(path, r < 0 || absent ? refused : text_str(&wanted));
}

enum host_names host_names_look(const struct dirs *dirs, const char *network)
{
	scoped_free char *path = note_path(dirs, network);
	scoped_free char *note = NULL;

	if (!path || file_read(AT_FDCWD, path, NOTE_MAX, &note) < 0)
		return HOST_NAMES_UNTOLD;
	if (strcmp(note, refused) == 0)
		return HOST_NAMES_REFUSED;
	return strchr(note, ' ') ? HOST_NAMES_TOLD : HOST_NAMES_UNTOLD;
}

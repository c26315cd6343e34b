/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tarball.h"

#include <string.h>

enum { BLOCK = 512 };

static void put_octal(char *field, size_t room, uint64_t value)
{
	if (value >> (3 * (room - 1)) == 0) {
		snprintf(field, room, "%0*llo", (int)room - 1, (unsigned long long)value);
		return;
	}
	/* GNU's binary numbers: the first bit set, then big-endian. */
	for (size_t i = room; i-- > 0; value >>= 8)
		field[i] = (char)value;
	field[0] = (char)(field[0] | '\200');
}

static void put_data(FILE *f, const void *data, size_t n)
{
	static const char zeros[BLOCK];

	fwrite(data, 1, n, f);
	if (n % BLOCK)
		fwrite(zeros, 1, BLOCK - n % BLOCK, f);
}

static void put_header(FILE *f, const struct member *member, uint64_t size)
{
	char block[BLOCK] = { 0 };
	unsigned sum = 0;

	memcpy(block, member->name, strnlen(member->name, 100));
	put_octal(block + 100, 8, member->mode ? member->mode : 0644);
	put_octal(block + 108, 8, member->uid);
	put_octal(block + 116, 8, member->uid);
	put_octal(block + 124, 12, size);
	put_octal(block + 136, 12, 1700000000);
	memset(block + 148, ' ', 8);
	block[156] = member->type;
	if (member->link)
		memcpy(block + 157, member->link, strnlen(member->link, 100));
	memcpy(block + 257, "ustar", 6);
	memcpy(block + 263, "00", 2);
	put_octal(block + 329, 8, 1);
	put_octal(block + 337, 8, 3);
	for (size_t i = 0; i < BLOCK; i++)
		sum += (unsigned char)block[i];
	snprintf(block + 148, 8, "%06o", sum);
	fwrite(block, 1, BLOCK, f);
}

static void put_long(FILE *f, char type, const char *text)
{
	struct member member = { .name = "././@LongLink", .type = type };

	if (!text || strlen(text) <= 100)
		return;
	put_header(f, &member, strlen(text) + 1);
	put_data(f, text, strlen(text) + 1);
}

void tarball_add(FILE *f, const struct member *member)
{
	size_t n = member->data ? strlen(member->data) : 0;

	put_long(f, 'L', member->name);
	put_long(f, 'K', member->link);
	put_header(f, member, member->claim ? member->claim : n);
	if (member->data)
		put_data(f, member->data, n);
}

void tarball_pax(FILE *f, const char *key, const void *value, size_t n)
{
	struct member member = { .name = "pax", .type = 'x' };
	char record[1024];
	size_t length =
		strlen(key) + n + 3; /* " key=value\n" and then the digits of the length itself */
	size_t whole = length + (length + 1 > 9) + (length + 2 > 99) + 1;

	int at = snprintf(record, sizeof record, "%zu %s=", whole, key);
	memcpy(record + at, value, n);
	record[at + (int)n] = '\n';
	put_header(f, &member, whole);
	put_data(f, record, whole);
}

void tarball_end(FILE *f)
{
	static const char zeros[2 * BLOCK];

	fwrite(zeros, 1, sizeof zeros, f);
}

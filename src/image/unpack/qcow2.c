/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Reads images of qcow2, by the specification in QEMU's docs/interop/qcow2.txt. qemu-img would read more, but with the
 * rights of root and with the files that an image names. Such images are refused, with the command that makes them
 * plain.
 */
#include "image/unpack/disk.h"

#include "base/bytes.h"
#include "base/scoped.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>
#include <zstd.h>

enum {
	HEADER = 112,
	TABLE_MAX = 32 << 20, /* bytes of the first table: enough for petabytes */
	BITS_MIN = 9,
	BITS_MAX = 21,
};

#define OFFSET_MASK   UINT64_C(0x00fffffffffffe00)
#define COMPRESSED    (UINT64_C(1) << 62)
#define ALL_ZEROS     UINT64_C(1)
#define DIRTY         (UINT64_C(1) << 0)
#define EXTERNAL_DATA (UINT64_C(1) << 2)
#define COMPRESSION   (UINT64_C(1) << 3)
#define NONE_CACHED   UINT64_MAX

struct qcow2 {
	unsigned bits;                 /* of a cluster's size */
	bool zstd;                     /* compressed clusters are by zstd, else by deflate */
	uint64_t *first, first_count;  /* owned: offsets of second tables, big-endian */
	uint64_t *second;              /* owned: the table that was read last */
	uint64_t second_at;            /* its offset */
	unsigned char *plain, *packed; /* owned: the compressed cluster that was read last */
	uint64_t plain_entry;          /* its entry */
};

static const char plain_remedy[] = "make it plain: qemu-img convert -O raw IMAGE PLAIN";

static uint64_t cluster_size(const struct qcow2 *q)
{
	return UINT64_C(1) << q->bits;
}

static int damaged(struct disk *disk)
{
	return err_set(disk->err, EINVAL, "the qcow2 is damaged");
}

bool qcow2_is(const unsigned char *head, size_t n)
{
	return n >= 4 && memcmp(head, "QFI\xfb", 4) == 0;
}

static int refuse(struct disk *disk, const char *why)
{
	return err_set(disk->err, ENOTSUP, "the qcow2 %s; %s", why, plain_remedy);
}

/* Features whose absence a reader may not overlook. */
static int check_features(struct disk *disk, const unsigned char *head)
{
	uint64_t features = bytes_be64(head + 72);

	if (features & EXTERNAL_DATA)
		return refuse(disk, "has its data in another file");
	if (features & ~(DIRTY | COMPRESSION))
		return refuse(disk, "is damaged, or has features that berth does not read");
	disk->qcow2->zstd = (features & COMPRESSION) && head[104] == 1;
	return (features & COMPRESSION) && head[104] > 1
		       ? refuse(disk, "has a compression that berth does not read")
		       : 0;
}

static int check_header(struct disk *disk, const unsigned char *head)
{
	struct qcow2 *q = disk->qcow2;
	uint32_t version = bytes_be32(head + 4);

	if (version != 2 && version != 3)
		return refuse(disk, "has a version that berth does not read");
	if (bytes_be64(head + 8) != 0)
		return refuse(disk, "is based on another image");
	if (bytes_be32(head + 32) != 0)
		return refuse(disk, "is encrypted");
	if (version == 3 && check_features(disk, head) < 0)
		return -disk->err->code;
	q->bits = bytes_be32(head + 20);
	disk->size = bytes_be64(head + 24);
	if (q->bits < BITS_MIN || q->bits > BITS_MAX || disk->size > INT64_MAX)
		return damaged(disk);
	return 0;
}

static int read_first(struct disk *disk, const unsigned char *head)
{
	struct qcow2 *q = disk->qcow2;
	/* A second table has an entry of 8 bytes for each cluster. */
	unsigned bits = q->bits + q->bits - 3;
	uint64_t needed = (disk->size >> bits) + ((disk->size & ((UINT64_C(1) << bits) - 1)) != 0);

	q->first_count = bytes_be32(head + 36);
	if (q->first_count < needed || q->first_count > TABLE_MAX / sizeof *q->first)
		return damaged(disk);
	q->first = calloc(q->first_count + 1, sizeof *q->first);
	q->second = malloc(cluster_size(q));
	q->plain = malloc(cluster_size(q));
	/* As many sectors as an entry can tell of. */
	q->packed = malloc(2 * cluster_size(q) + 1024);
	if (!q->first || !q->second || !q->plain || !q->packed)
		return err_set(disk->err, ENOMEM, "out of memory");
	return disk_read_file(disk, bytes_be64(head + 40), q->first,
			      q->first_count * sizeof *q->first);
}

int qcow2_open(struct disk *disk)
{
	unsigned char head[HEADER] = { 0 };
	size_t n = disk->file_size < HEADER ? (size_t)disk->file_size : HEADER;

	disk->qcow2 = calloc(1, sizeof *disk->qcow2);
	if (!disk->qcow2)
		return err_set(disk->err, ENOMEM, "out of memory");
	disk->qcow2->second_at = disk->qcow2->plain_entry = NONE_CACHED;
	if (n < 72)
		return damaged(disk);
	if (disk_read_file(disk, 0, head, n) < 0 || check_header(disk, head) < 0)
		return -disk->err->code;
	return read_first(disk, head);
}

void qcow2_close(struct disk *disk)
{
	struct qcow2 *q = disk->qcow2;

	if (!q)
		return;
	free(q->first);
	free(q->second);
	free(q->plain);
	free(q->packed);
	free(take_ptr(&disk->qcow2));
}

/* ---- Clusters */

static bool inflate_all(struct qcow2 *q, size_t packed)
{
	z_stream stream = { .next_in = q->packed,
			    .avail_in = (uInt)packed,
			    .next_out = q->plain,
			    .avail_out = (uInt)cluster_size(q) };

	/* Deflate without a header. */
	if (inflateInit2(&stream, -15) != Z_OK)
		return false;
	int r = inflate(&stream, Z_FINISH);
	inflateEnd(&stream);
	return stream.avail_out == 0 && (r == Z_STREAM_END || r == Z_BUF_ERROR || r == Z_OK);
}

static bool unzstd_all(struct qcow2 *q, size_t packed)
{
	ZSTD_DStream *stream = ZSTD_createDStream();
	ZSTD_inBuffer in = { q->packed, packed, 0 };
	ZSTD_outBuffer out = { q->plain, cluster_size(q), 0 };

	while (stream && out.pos < out.size) {
		size_t before = in.pos + out.pos;
		size_t r = ZSTD_decompressStream(stream, &out, &in);
		if (ZSTD_isError(r) || in.pos + out.pos == before)
			break;
	}
	ZSTD_freeDStream(stream);
	return out.pos == out.size;
}

static int load_compressed(struct disk *disk, uint64_t entry)
{
	struct qcow2 *q = disk->qcow2;
	unsigned bits = 62 - (q->bits - 8);
	uint64_t offset = entry & ((UINT64_C(1) << bits) - 1);
	uint64_t sectors = (entry & ~(UINT64_C(3) << 62)) >> bits;
	uint64_t n = (sectors + 1) * 512 - (offset & 511);

	if (q->plain_entry == entry)
		return 0;
	q->plain_entry = NONE_CACHED;
	if (offset >= disk->file_size || n > 2 * cluster_size(q) + 1024)
		return damaged(disk);
	/* The last sector need not be whole. */
	if (n > disk->file_size - offset)
		n = disk->file_size - offset;
	if (disk_read_file(disk, offset, q->packed, (size_t)n) < 0)
		return -disk->err->code;
	if (!(q->zstd ? unzstd_all(q, (size_t)n) : inflate_all(q, (size_t)n)))
		return damaged(disk);
	q->plain_entry = entry;
	return 0;
}

/* The entry of a cluster, 0 for one that was never written. */
static int find_entry(struct disk *disk, uint64_t offset, uint64_t *entry)
{
	struct qcow2 *q = disk->qcow2;
	uint64_t cluster = offset >> q->bits, per_table = cluster_size(q) / sizeof *q->second;
	uint64_t index = cluster / per_table;

	*entry = 0;
	if (index >= q->first_count)
		return damaged(disk);
	uint64_t at = be64toh(q->first[index]) & OFFSET_MASK;
	if (at == 0)
		return 0;
	if (at != q->second_at) {
		q->second_at = NONE_CACHED;
		if (disk_read_file(disk, at, q->second, cluster_size(q)) < 0)
			return -disk->err->code;
		q->second_at = at;
	}
	*entry = be64toh(q->second[cluster % per_table]);
	return 0;
}

int qcow2_read(struct disk *disk, uint64_t offset, void *bytes, size_t *n)
{
	struct qcow2 *q = disk->qcow2;
	uint64_t within = offset & (cluster_size(q) - 1), entry;

	if (*n > cluster_size(q) - within)
		*n = (size_t)(cluster_size(q) - within);
	if (find_entry(disk, offset, &entry) < 0)
		return -disk->err->code;
	if (entry & COMPRESSED) {
		if (load_compressed(disk, entry) < 0)
			return -disk->err->code;
		memcpy(bytes, q->plain + within, *n);
		return 0;
	}
	if ((entry & ALL_ZEROS) || (entry & OFFSET_MASK) == 0) {
		memset(bytes, 0, *n);
		return 0;
	}
	return disk_read_file(disk, (entry & OFFSET_MASK) + within, bytes, *n);
}

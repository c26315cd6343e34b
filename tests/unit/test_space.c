/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The choice of machines to freeze while a pool runs out of room, and the limit of its growth. */
#include "storage/growth.h"
#include "storage/space.h"
#include "suite.h"

#include <string.h>

enum { MIB = 1 << 20, GIB = 1 << 30 };

static struct space of(uint64_t used)
{
	return (struct space){ .total = 1000ULL * MIB, .used = used * MIB };
}

static void test_levels(void)
{
	struct space space;

	CU_ASSERT_EQUAL(space_level(&(struct space){ 0 }), SPACE_PLENTY);
	space = of(799);
	CU_ASSERT_EQUAL(space_level(&space), SPACE_PLENTY);
	space = of(800);
	CU_ASSERT_EQUAL(space_level(&space), SPACE_LOW);
	CU_ASSERT_EQUAL(space_percent(&space), 80);
	space = of(900);
	CU_ASSERT_EQUAL(space_level(&space), SPACE_SCARCE);
	space = of(950);
	CU_ASSERT_EQUAL(space_level(&space), SPACE_SHORT);
	space = of(1000);
	CU_ASSERT_EQUAL(space_level(&space), SPACE_NONE);
	/* Pending writes count, but are not shown as used. */
	space = of(700);
	space.pending = 260ULL * MIB;
	CU_ASSERT_EQUAL(space_level(&space), SPACE_SHORT);
	CU_ASSERT_EQUAL(space_percent(&space), 70);
	/* Metadata that runs out is as bad. */
	space = of(100);
	space.metadata_total = 100;
	space.metadata_used = 96;
	CU_ASSERT_EQUAL(space_level(&space), SPACE_SHORT);
	CU_ASSERT_EQUAL(space_percent(&space), 96);
}

/* The remedy is another one when metadata is what is short. */
static void test_metadata(void)
{
	struct space space = of(100);

	CU_ASSERT_FALSE(space_lacks_metadata(&space));
	space.metadata_total = 8ULL * MIB;
	space.metadata_used = 7ULL * MIB;
	CU_ASSERT_TRUE(space_lacks_metadata(&space));
	CU_ASSERT_EQUAL(space_metadata_to(&space), 16);
	/* Data that is not written yet fills the pool more. */
	space.pending = 850ULL * MIB;
	CU_ASSERT_FALSE(space_lacks_metadata(&space));
	space = of(950);
	space.metadata_total = 8ULL * MIB;
	space.metadata_used = 7ULL * MIB;
	CU_ASSERT_FALSE(space_lacks_metadata(&space));
}

/* The pool uses little, but other programs fill the file system below it. */
static void test_least(void)
{
	struct space space = { .total = 400ULL * MIB, .used = 20ULL * MIB, .least = 64ULL * MIB };
	struct space_volume volume = { .growth = MIB };

	CU_ASSERT_EQUAL(space_level(&space), SPACE_PLENTY);
	space.total = 276ULL * MIB;
	CU_ASSERT_EQUAL(space_level(&space), SPACE_LOW);
	space.total = 148ULL * MIB;
	CU_ASSERT_EQUAL(space_level(&space), SPACE_SCARCE);
	space_decide(&space, &volume, 1);
	CU_ASSERT_FALSE(volume.held);
	space.total = 83ULL * MIB;
	CU_ASSERT_EQUAL(space_level(&space), SPACE_SHORT);
	space_decide(&space, &volume, 1);
	CU_ASSERT_TRUE(volume.held);
	space.total = 150ULL * MIB;
	space_decide(&space, &volume, 1);
	CU_ASSERT_FALSE(volume.held);
	/* A volume that does not grow is frozen when next to nothing is left. */
	volume.growth = 0;
	space.total = 40ULL * MIB;
	space_decide(&space, &volume, 1);
	CU_ASSERT_FALSE(volume.held);
	space.total = 35ULL * MIB;
	space_decide(&space, &volume, 1);
	CU_ASSERT_TRUE(volume.held);
	space.total = 20ULL * MIB;
	CU_ASSERT_EQUAL(space_level(&space), SPACE_NONE);
}

static void test_settling(void)
{
	struct space space = of(800);

	CU_ASSERT_EQUAL(space_settle(&space, SPACE_PLENTY), SPACE_LOW);
	space = of(790);
	CU_ASSERT_EQUAL(space_settle(&space, SPACE_LOW), SPACE_LOW);
	space = of(770);
	CU_ASSERT_EQUAL(space_settle(&space, SPACE_LOW), SPACE_PLENTY);
	space = of(100);
	space.metadata_total = 1000;
	space.metadata_used = 790;
	CU_ASSERT_EQUAL(space_settle(&space, SPACE_LOW), SPACE_LOW);
	space = of(910);
	CU_ASSERT_EQUAL(space_settle(&space, SPACE_SHORT), SPACE_SCARCE);
	space = of(100);
	CU_ASSERT_EQUAL(space_settle(&space, SPACE_NONE), SPACE_PLENTY);
	space = of(960);
	CU_ASSERT_EQUAL(space_settle(&space, SPACE_LOW), SPACE_SHORT);
}

static unsigned held(const struct space *space, struct space_volume *volumes, size_t count)
{
	unsigned bits = 0;

	space_decide(space, volumes, count);
	for (size_t i = 0; i < count; i++)
		bits |= volumes[i].held ? 1U << i : 0;
	return bits;
}

/* A big grower, a small one, and one that only changes what it has. */
static void test_who_is_held(void)
{
	const struct space_volume growing[3] = { { .growth = 20 * MIB },
						 { .growth = 64 << 10 },
						 { 0 } };
	struct space_volume volumes[3];
	struct space space = of(940);

	memcpy(volumes, growing, sizeof volumes);
	CU_ASSERT_EQUAL(held(&space, volumes, 3), 0);
	space = of(960);
	CU_ASSERT_EQUAL(held(&space, volumes, 3), 1);
	/* The volume no longer grows, and stays frozen while there is no more room. */
	volumes[0].growth = 0;
	space = of(930);
	CU_ASSERT_EQUAL(held(&space, volumes, 3), 1);
	space = of(990);
	CU_ASSERT_EQUAL(held(&space, volumes, 3), 3);
	space = of(899);
	CU_ASSERT_EQUAL(held(&space, volumes, 3), 0);
	space = of(1000);
	memcpy(volumes, growing, sizeof volumes);
	CU_ASSERT_EQUAL(held(&space, volumes, 3), 3);
}

/* A volume that takes a block now and then, while no other grows, is not frozen early. */
static void test_little_is_let_be(void)
{
	struct space_volume volumes[3] = { { .growth = 128 << 10 } };
	struct space space = of(955);

	CU_ASSERT_EQUAL(held(&space, volumes, 3), 0);
	space = of(980);
	CU_ASSERT_EQUAL(held(&space, volumes, 3), 0);
	space = of(990);
	CU_ASSERT_EQUAL(held(&space, volumes, 3), 1);
}

/* Many that grow alike: none of them is much, all together are. */
static void test_many_growers(void)
{
	struct space_volume volumes[20];
	struct space space = of(951);

	for (size_t i = 0; i < 20; i++)
		volumes[i] = (struct space_volume){ .growth = MIB };
	CU_ASSERT_EQUAL(held(&space, volumes, 20), (1U << 20) - 1);
}

static void test_pauses(void)
{
	struct space space = of(800);
	unsigned far = space_pause(&space);

	CU_ASSERT_TRUE(far >= 100 && far <= 200);
	space = of(960);
	CU_ASSERT_TRUE(space_pause(&space) < far);
	space = (struct space){ .total = 1ULL << 44, .used = 1ULL << 43 };
	CU_ASSERT_EQUAL(space_pause(&space), 2000);
}

static void test_growing(void)
{
	CU_ASSERT_EQUAL(space_grow_to(4ULL * GIB, 0, 100ULL * GIB), 0);
	CU_ASSERT_EQUAL(space_grow_to(4ULL * GIB, 4ULL * GIB, 100ULL * GIB), 0);
	CU_ASSERT_EQUAL(space_grow_to(4ULL * GIB, 20ULL * GIB, 100ULL * GIB), 5ULL * GIB);
	CU_ASSERT_EQUAL(space_grow_to(19ULL * GIB, 20ULL * GIB, 100ULL * GIB), 20ULL * GIB);
	CU_ASSERT_EQUAL(space_grow_to(4ULL * GIB, 20ULL * GIB, 0), 0);
	CU_ASSERT_TRUE(space_grow_to(4ULL * GIB, 20ULL * GIB, 100ULL * MIB) <
		       4ULL * GIB + 100ULL * MIB);
}

/* ---- Who fills the pool */

static const struct grower *grower_of(const struct growth *growth, const char *volume)
{
	for (size_t i = 0; i < growth->count; i++) {
		if (strcmp(growth->list[i]->volume, volume) == 0)
			return growth->list[i];
	}
	return NULL;
}

static void note(struct growth *growth, const char *name, uint64_t used, uint64_t written)
{
	const struct volume_use use = { .name = name, .id = 1, .used = used, .written = written };

	CU_ASSERT_EQUAL(growth_note(growth, &use), 0);
}

static void tell(struct growth *growth, const char *name, uint64_t bytes, uint32_t since)
{
	for (size_t i = 0; i < growth->count; i++) {
		struct grower *grower = growth->list[i];
		if (strcmp(grower->volume, name) == 0)
			grower->taken = (struct volume_taken){
				.id = 1, .told = TAKEN_COUNTED, .bytes = bytes, .since = since
			};
	}
}

static void test_growth(void)
{
	struct growth growth = { 0 };

	note(&growth, "machine.a", 100, 0);
	note(&growth, "template.b", 100, 0);
	growth_forget(&growth);
	growth_judge(&growth, 1000, 1);
	CU_ASSERT_STRING_EQUAL(grower_of(&growth, "machine.a")->machine, "a");
	CU_ASSERT_PTR_NULL(grower_of(&growth, "template.b")->machine);
	CU_ASSERT_EQUAL(grower_of(&growth, "machine.a")->growth, 0);
	/* The first figure is no growth, and neither is a figure from before a mapping. */
	note(&growth, "machine.a", 150, 0);
	growth_forget(&growth);
	CU_ASSERT_EQUAL(growth.count, 1);
	tell(&growth, "machine.a", 7000, 3);
	growth_judge(&growth, 1050, 100);
	CU_ASSERT_EQUAL(grower_of(&growth, "machine.a")->growth, 50);
	note(&growth, "machine.a", 150, 0);
	tell(&growth, "machine.a", 7080, 3);
	growth_forget(&growth);
	growth_judge(&growth, 1080, 200);
	CU_ASSERT_EQUAL(grower_of(&growth, "machine.a")->growth, 80);
	/* A snapshot: counting begins anew. */
	note(&growth, "machine.a", 150, 0);
	tell(&growth, "machine.a", 90, 4);
	growth_forget(&growth);
	growth_judge(&growth, 1100, 300);
	CU_ASSERT_EQUAL(grower_of(&growth, "machine.a")->growth, 90);
	/* The volume has stopped growing. */
	for (int64_t now = 6000; now < 13000; now += 500) {
		note(&growth, "machine.a", 150, 0);
		tell(&growth, "machine.a", 90, 4);
		growth_forget(&growth);
		growth_judge(&growth, 1100, now);
	}
	CU_ASSERT_EQUAL(grower_of(&growth, "machine.a")->growth, 0);
	growth_free(&growth);
}

/*
 * One volume overwrites shared blocks, in bursts of 1 MiB each second. Another one overwrites its own blocks, at 2 MB a
 * second. Both writes are counted when they begin. The blocks of the pool follow at 2 MB a second, after a while, and
 * the metadata later still. told: the metadata can be read.
 */
struct scene {
	struct growth growth;
	struct space_volume volumes[2];
	unsigned noise;
	bool told;
	double late, commit; /* seconds */
	double wrote[2], lost, shown;
	double queue
		[64]; /* bytes to be copied, by the tenth of a second in which they were written */
};

static double draw(struct scene *scene, double least, double most)
{
	scene->noise = scene->noise * 1103515245 + 12345;
	return least + (most - least) * ((scene->noise >> 16) % 1000) / 1000;
}

enum { STEADY, COPIER, STEPS = 3000, STEP_MS = 100 };

static void move_on(struct scene *scene, int step)
{
	int late = (int)(scene->late * 10), commit = (int)(scene->commit * 10);
	double room = 0.2 * MIB;

	scene->wrote[STEADY] += 0.2 * MIB;
	scene->queue[step % 64] = 0;
	if (step % 10 == 0 && !scene->volumes[COPIER].held) {
		scene->wrote[COPIER] += MIB;
		scene->queue[step % 64] = MIB;
	}
	for (int i = late + 20 < step ? late + 20 : step; i >= late; i--) {
		double *waits = &scene->queue[(step - i) % 64];
		double part = *waits < room ? *waits : room;
		*waits -= part;
		room -= part;
		scene->lost += part;
	}
	if (step % (commit + 1) == 0)
		scene->shown = scene->lost;
}

static void look(struct scene *scene, int step)
{
	static const char *const names[] = { "machine.steady", "machine.copier" };

	for (int i = 0; i < 2; i++)
		note(&scene->growth, names[i], 64ULL * MIB, (uint64_t)scene->wrote[i]);
	growth_forget(&scene->growth);
	for (size_t i = 0; i < 2; i++)
		scene->growth.list[i]->taken.told = TAKEN_UNKNOWN;
	if (scene->told) {
		tell(&scene->growth, names[STEADY], 5ULL * MIB, 1);
		tell(&scene->growth, names[COPIER], (uint64_t)scene->shown, 1);
	}
	struct space space = of(940);
	space.used += (uint64_t)scene->lost;
	growth_judge(&scene->growth, space.used, 1 + (int64_t)step * STEP_MS);
	for (int i = 0; i < 2; i++)
		scene->volumes[i].growth = grower_of(&scene->growth, names[i])->growth;
	space_decide(&space, scene->volumes, 2);
}

/*
 * The room that was lost when the copier was frozen, or -1; *steady counts the scenes in which the other one was
 * frozen.
 */
static double play(unsigned seed, bool told, unsigned *steady)
{
	struct scene scene = { .noise = seed, .told = told };
	double lost = -1;

	for (int i = 0; i < 10; i++)
		draw(&scene, 0, 1);
	scene.late = draw(&scene, 0, 4);
	scene.commit = draw(&scene, 0, 1.5);
	for (int step = 0; step < STEPS; step++) {
		move_on(&scene, step);
		look(&scene, step);
		if (scene.volumes[COPIER].held && lost < 0)
			lost = scene.lost;
	}
	*steady += scene.volumes[STEADY].held;
	growth_free(&scene.growth);
	return lost;
}

enum { SCENES = 200 };

static void test_copier_is_held(void)
{
	unsigned steady = 0, late = 0;

	for (unsigned i = 0; i < SCENES; i++) {
		double lost = play(i + 1, true, &steady);
		late += lost < 0 || lost > 20.0 * MIB;
	}
	CU_ASSERT_EQUAL(steady, 0);
	CU_ASSERT_EQUAL(late, 0);
}

/* The scene needs the metadata: by the written bytes alone, the wrong volume is frozen. */
static void test_without_metadata(void)
{
	unsigned steady = 0;

	for (unsigned i = 0; i < SCENES; i++)
		play(i + 1, false, &steady);
	CU_ASSERT_EQUAL(steady, SCENES);
}

int main(void)
{
	static CU_TestInfo tests[] = {
		{ "levels", test_levels },
		{ "metadata", test_metadata },
		{ "what is too little", test_least },
		{ "settling", test_settling },
		{ "who is held", test_who_is_held },
		{ "who takes little", test_little_is_let_be },
		{ "many growers", test_many_growers },
		{ "pauses", test_pauses },
		{ "growing", test_growing },
		{ "growth", test_growth },
		{ "who copies is held", test_copier_is_held },
		{ "without the pool's metadata", test_without_metadata },
		CU_TEST_INFO_NULL,
	};
	return suite_run("space", NULL, NULL, tests);
}

/* Who is held still while a pool runs out of room, and how far it may grow. */
#include "storage/copied.h"
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
	/* What is on its way counts, but is not said to be used. */
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

/* What is used is little, and what is below is eaten by somebody else. */
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
	/* Who does not grow is held when next to nothing is left. */
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
	/* It grows no more, and stays held while there is no more room. */
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

/* Held for what it copied, and since seen not to have copied: unless next to nothing is left below. */
static void test_cleared(void)
{
	struct space_volume volume = { .held = true, .cleared = true };
	struct space space = of(960);

	space_decide(&space, &volume, 1);
	CU_ASSERT_FALSE(volume.held);
	volume.held = true;
	volume.cleared = false;
	space_decide(&space, &volume, 1);
	CU_ASSERT_TRUE(volume.held);
	space = (struct space){ .total = 35ULL * MIB, .used = 20ULL * MIB, .least = 64ULL * MIB };
	volume.cleared = true;
	space_decide(&space, &volume, 1);
	CU_ASSERT_TRUE(volume.held);
}

/* ---- Who copies: what was written and what was lost, look by look */

struct scene {
	struct copied copied;
	struct copied_writer writers[3];
	struct copied_writer *list[3];
};

static void set_scene(struct scene *scene)
{
	*scene = (struct scene){ 0 };
	for (int i = 0; i < 3; i++)
		scene->list[i] = &scene->writers[i];
}

static void look(struct scene *scene, double copied, double a, double b, double c)
{
	scene->writers[0].since = a;
	scene->writers[1].since = b;
	scene->writers[2].since = c;
	copied_note(&scene->copied, copied, scene->list, 3);
	copied_judge(&scene->copied, scene->list, 3);
}

/* One writes over what it shares, in bursts; another, all the time and more, over what is its own. */
static void test_copier_is_found(void)
{
	struct scene scene;

	set_scene(&scene);
	for (int i = 0; i < 24; i++)
		look(&scene, i % 4 ? 0 : MIB, i % 4 ? 0 : MIB, MIB / 2 + i * 1000, 0);
	CU_ASSERT_DOUBLE_EQUAL(scene.writers[0].ratio, 1, 0.1);
	CU_ASSERT_DOUBLE_EQUAL(scene.writers[1].ratio, 0, 0.05);
}

/* A block is taken before what is written to it is counted: some of that in the next look. */
static void test_copier_is_found_late(void)
{
	struct scene scene;

	set_scene(&scene);
	for (int i = 0; i < 40; i++)
		look(&scene, i % 4 == 0 ? MIB : 0,
		     i % 4 == 0   ? 0.6 * MIB
		     : i % 4 == 1 ? 0.4 * MIB
				  : 0,
		     20000 + i % 3 * 500, 0);
	CU_ASSERT_TRUE(scene.writers[0].ratio * MIB > 8 * scene.writers[1].ratio * 4 * 20500);
}

/* Small writes, each of which takes a whole block, beside big ones that take none. */
static void test_small_writes(void)
{
	struct scene scene;
	unsigned noise = 1;

	set_scene(&scene);
	for (int i = 0; i < 48; i++) {
		noise = noise * 1103515245 + 12345;
		double small = 4096.0 * (1 + (noise >> 16) % 5);
		look(&scene, 16 * small, small, 10.0 * MIB + (noise >> 8) % MIB, 0);
	}
	CU_ASSERT_DOUBLE_EQUAL(scene.writers[0].ratio, 16, 4);
	CU_ASSERT_TRUE(scene.writers[1].ratio < 0.01);
}

/* What always goes together is told apart as soon as one of them is held. */
static void test_holding_tells(void)
{
	struct scene scene;

	set_scene(&scene);
	for (int i = 0; i < 20; i++)
		look(&scene, MIB, MIB, 100.0 * MIB, 0);
	CU_ASSERT_TRUE(scene.writers[1].ratio * 100 > scene.writers[0].ratio);
	for (int i = 0; i < 12; i++)
		look(&scene, MIB, MIB, 0, 0);
	CU_ASSERT_DOUBLE_EQUAL(scene.writers[0].ratio, 1, 0.1);
	CU_ASSERT_TRUE(scene.writers[1].ratio * 100 * 8 < 1);
	/* And now that nobody writes there is nothing to learn. */
	for (int i = 0; i < 100; i++)
		look(&scene, 0, 0, 0, 0);
	CU_ASSERT_DOUBLE_EQUAL(scene.writers[0].ratio, 1, 0.1);
}

int main(void)
{
	static CU_TestInfo tests[] = {
		{ "levels", test_levels },
		{ "what is too little", test_least },
		{ "settling", test_settling },
		{ "who is held", test_who_is_held },
		{ "many growers", test_many_growers },
		{ "pauses", test_pauses },
		{ "growing", test_growing },
		{ "cleared", test_cleared },
		{ "who copies is found", test_copier_is_found },
		{ "a look late", test_copier_is_found_late },
		{ "small writes", test_small_writes },
		{ "holding one tells", test_holding_tells },
		CU_TEST_INFO_NULL,
	};
	return suite_run("space", NULL, NULL, tests);
}

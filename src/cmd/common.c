#include "cmd/common.h"

#include "base/child.h"
#include "base/scoped.h"
#include "cmd/names.h"
#include "cmd/print.h"
#include "storage/space.h"
#include "storage/storage.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>

int name_check(const char *name, struct err *err)
{
	const char *fault = text_label_fault(name);

	if (!fault)
		return 0;
	err_set(err, EINVAL, "name '%.80s' %s", name, fault);
	return EXIT_USAGE;
}

int open_named(struct machine *machine, const struct call *call, const char *name, struct err *err)
{
	int r = name_check(name, err);

	return r != 0 ? r : machine_open(machine, &call->site, name, err);
}

static int act_on(struct call *call, const char *name, act_fn *act, struct err *err)
{
	scoped_machine struct machine machine = { 0 };
	int r = open_named(&machine, call, name, err);

	if (r == -ESTALE && call->command->traits & COMMAND_ENDS) {
		print_note("%s", err->text);
		*err = (struct err){ 0 };
		return 0;
	}
	return r != 0 ? r : act(call, &machine, err);
}

/* Says what failed, and turns a result into an exit code. */
static int tell(int r, struct err *err)
{
	if (err->code)
		print_error(err);
	*err = (struct err){ 0 };
	return r < 0 ? EXIT_FAILED : r;
}

void act_and_exit(struct call *call, const char *name, act_fn *act)
{
	struct err err = { 0 };
	int status = tell(act_on(call, name, act, &err), &err);

	fflush(stdout);
	_exit(status);
}

static pid_t act_apart(struct call *call, const char *name, act_fn *act)
{
	fflush(stdout);
	pid_t pid = fork();
	if (pid == 0)
		act_and_exit(call, name, act);
	return pid;
}

static int all_apart(struct call *call, const struct names *names, act_fn *act, struct err *err)
{
	scoped_free pid_t *pids = calloc(names->count, sizeof *pids);
	int worst = 0;

	if (!pids)
		return err_set(err, ENOMEM, "out of memory");
	for (size_t i = 0; i < names->count; i++)
		pids[i] = act_apart(call, names->list[i], act);
	for (size_t i = 0; i < names->count; i++) {
		int status = pids[i] < 0 ? -EAGAIN : child_wait(pids[i]);
		int code = status >= 0 && WIFEXITED(status) ? WEXITSTATUS(status) : EXIT_FAILED;
		if (pids[i] < 0)
			print_note("machine '%s': fork failed", names->list[i]);
		if (code > worst)
			worst = code;
	}
	return worst;
}

int for_each_machine(struct call *call, act_fn *act, bool apart, struct err *err)
{
	scoped_names struct names names = { 0 };
	int worst = 0;

	int r = names_given(call, &names, err);
	if (r != 0)
		return r;
	if (names.count == 1)
		return act_on(call, names.list[0], act, err);
	if (apart)
		return all_apart(call, &names, act, err);
	for (size_t i = 0; i < names.count; i++) {
		struct err one = { 0 };
		int code = tell(act_on(call, names.list[i], act, &one), &one);
		if (code > worst)
			worst = code;
	}
	return worst;
}

int for_each_name(struct call *call, int (*act)(struct call *, const char *name, struct err *),
		  struct err *err)
{
	int worst = 0;

	for (int i = 0; i < call->count; i++) {
		struct err one = { 0 };
		int r = name_check(call->words[i], &one);
		if (r == 0)
			r = act(call, call->words[i], &one);
		if (call->count == 1) {
			*err = one;
			return r;
		}
		int code = tell(r, &one);
		if (code > worst)
			worst = code;
	}
	return worst;
}

/* Whether STATE/KIND/NAME/KIND.conf is there: cheaper than opening, which may attach a disk. */
static bool is_there(const struct call *call, const char *folder, const char *name,
		     const char *file)
{
	scoped_free char *path = site_state_path(&call->site, "%s/%s/%s", folder, name, file);

	return path && access(path, F_OK) == 0;
}

static int make_default_pool(const struct call *call, const char *name, struct err *err)
{
	struct pool_spec spec = { 0 };
	char why[256] = "";

	const char *driver = pool_default_driver(&call->site, why, sizeof why);
	int r = pool_create(&call->site, name, &spec, err);
	if (r == -EEXIST) {
		*err = (struct err){ 0 };
		return 0;
	}
	if (r == 0)
		print_note("made pool '%s' with driver %s: %s", name, driver, why);
	return r;
}

int pool_wanted(const struct call *call, char **name, struct err *err)
{
	const char *given = call_value(call, &flag_pool);
	struct site_config config;

	if (given) {
		int r = name_check(given, err);
		if (r != 0)
			return r;
		*name = strdup(given);
		return *name ? 0 : err_set(err, ENOMEM, "out of memory");
	}
	int r = config_load_site(&call->site, &config, err);
	if (r < 0)
		return r;
	scoped_free char *pool = take_ptr(&config.pool);
	config_free(&site_schema, &config);
	if (!is_there(call, "pools", pool, "pool.conf"))
		r = make_default_pool(call, pool, err);
	if (r == 0)
		*name = take_ptr(&pool);
	return r;
}

int network_wanted(const struct call *call, struct err *err)
{
	scoped_network struct network network = { 0 };
	struct site_config config;

	int r = config_load_site(&call->site, &config, err);
	if (r < 0)
		return r;
	scoped_free char *name = take_ptr(&config.network);
	config_free(&site_schema, &config);
	if (!*name || is_there(call, "networks", name, "network.conf"))
		return 0;
	r = network_create(&call->site, name, NULL, NULL, err);
	if (r == -EEXIST) {
		*err = (struct err){ 0 };
		return 0;
	}
	if (r == 0 && network_open(&network, &call->site, name, err) == 0)
		print_note("made network '%s': bridge %s, subnet %s", name, network.config.bridge,
			   network.config.subnet);
	return -err->code;
}

int wait_booted(const struct call *call, struct machine *machine, struct err *err)
{
	uint64_t seconds;
	int r = call_seconds(call, &flag_wait, 60, &seconds, err);

	if (r != 0 || !call_has(call, &flag_wait))
		return r;
	return machine_wait_booted(machine, (unsigned)seconds, err);
}

long console_mark(const struct machine *machine)
{
	scoped_free char *path = machine_log_path(machine, false);
	struct stat st;

	return path && stat(path, &st) == 0 ? (long)st.st_size : 0;
}

enum { SHOWN_LINES = 10, SHOWN_BYTES = 4096 };

void console_show(const struct machine *machine, long mark)
{
	scoped_free char *path = machine_log_path(machine, false);
	scoped_fd int fd = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
	char tail[SHOWN_BYTES + 1];
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0)
		return;
	off_t from = st.st_size < mark ? 0 : mark;
	if (st.st_size - from > SHOWN_BYTES)
		from = st.st_size - SHOWN_BYTES;
	ssize_t n = pread(fd, tail, SHOWN_BYTES, from);
	if (n <= 0)
		return;
	tail[n] = '\0';
	char *lines[SHOWN_LINES] = { NULL };
	size_t count = 0;
	char *rest = tail;
	for (char *line; (line = strsep(&rest, "\n"));) {
		line = text_trim(line);
		if (*line)
			lines[count++ % SHOWN_LINES] = line;
	}
	for (size_t i = count > SHOWN_LINES ? count - SHOWN_LINES : 0; i < count; i++) {
		scoped_text struct text plain = { 0 };
		print_plain(lines[i % SHOWN_LINES], &plain);
		fprintf(stderr, "  | %s\n", text_str(&plain));
	}
}

int settings_given(const struct call *call, bool ephemeral, struct words *words, struct err *err)
{
	const char *network = call_value(call, &flag_network);

	*words = (struct words){ .list = calloc(call->given_count + 2, sizeof *words->list) };
	if (network)
		words->network = text_format("network=%s", network);
	if (!words->list || (network && !words->network)) {
		settings_free(words);
		return err_set(err, ENOMEM, "out of memory");
	}
	for (size_t i = 0; i < call->given_count; i++) {
		const struct given *given = &call->given[i];
		if (given->flag == &flag_set)
			words->list[words->count++] = given->value;
	}
	if (ephemeral)
		words->list[words->count++] = "ephemeral=yes";
	if (network)
		words->list[words->count++] = words->network;
	return 0;
}

int setting_check(struct machine_config *config, const char *name, const char *value,
		  struct err *err)
{
	const struct key *key = config_find(&machine_schema, name, err);

	if (key && key->flags & KEY_FIXED)
		err_set(err, EPERM, "%s is made by berth and cannot be set", key->name);
	else if (key)
		config_set(&machine_schema, config, key, value ? value : key->fallback, err);
	return err->code == ENOMEM ? -ENOMEM : err->code ? EXIT_USAGE : 0;
}

static int word_check(struct machine_config *config, const char *word, struct err *err)
{
	scoped_free char *name = strdup(word);
	char *equals = name ? strchr(name, '=') : NULL;

	if (!name)
		return err_set(err, ENOMEM, "out of memory");
	if (!equals) {
		err_set(err, EINVAL, "--set cannot be '%.100s': use KEY=VALUE", word);
		return EXIT_USAGE;
	}
	*equals = '\0';
	return setting_check(config, name, equals + 1, err);
}

int settings_check(const struct words *words, struct err *err)
{
	struct machine_config config = { 0 };
	int r = 0;

	for (size_t i = 0; r == 0 && i < words->count; i++)
		r = word_check(&config, words->list[i], err);
	config_free(&machine_schema, &config);
	return r;
}

void settings_free(struct words *words)
{
	free(words->list);
	free(words->network);
	*words = (struct words){ 0 };
}

void note_pool_room(const char *name, const struct pool_usage *usage)
{
	const struct space space = { .total = usage->total, .used = usage->used };
	enum space_level level = space_level(&space);
	unsigned percent = space_percent(&space);

	if (level >= SPACE_SCARCE)
		print_note("pool '%s' is %u%% full, and machines that fill it will be held still; "
			   "delete something, or enlarge it",
			   name, percent);
	else if (level == SPACE_LOW)
		print_note("pool '%s' is %u%% full; delete something, or enlarge it", name,
			   percent);
}

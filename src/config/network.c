/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Rules between the keys of a network, which depend on its kind. */
#include "config/config.h"
#include "config/file.h"
#include "config/keys.h"
#include "config/values.h"

#include "base/scoped.h"
#include "base/text.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

static bool is_kind(const struct network_config *config, const char *kind)
{
	return strcmp(config->kind, kind) == 0;
}

bool config_is_private(const struct network_config *config)
{
	return is_kind(config, "private");
}

bool config_is_own(const struct network_config *config)
{
	return is_kind(config, "bridge") || is_kind(config, "private");
}

bool config_has_parent(const struct network_config *config)
{
	return !config_is_own(config) && !is_kind(config, "none");
}

bool config_is_inside(const struct network_config *config)
{
	return is_kind(config, "macvlan") || is_kind(config, "ipvlan") ||
	       config_is_physical(config);
}

bool config_is_physical(const struct network_config *config)
{
	return is_kind(config, "physical");
}

const char *config_mode(const struct network_config *config)
{
	if (strcmp(config->mode, "auto") != 0)
		return config->mode;
	return is_kind(config, "ipvlan") ? "l2" : "bridge";
}

bool config_serves(const struct network_config *config)
{
	return config->dhcp && config_is_own(config);
}

const char *config_domain(const struct network_config *config)
{
	bool unnamed =
		!config->domain || (!config_is_own(config) && strcmp(config->domain, "berth") == 0);

	return unnamed ? "" : config->domain;
}

bool config_masquerades(const struct network_config *config)
{
	return config->nat && is_kind(config, "bridge");
}

bool config_masquerades6(const struct network_config *config)
{
	return config->nat6 && is_kind(config, "bridge");
}

static int check_gateways(const struct network_config *config, struct err *err)
{
	const char *const gateways[] = { config->gateway, config->gateway6 };
	const char *const subnets[] = { config->subnet, config->subnet6 };
	static const char *const names[] = { "", "6" };

	for (int i = 0; i < 2; i++) {
		if (*gateways[i] && !config_is_in(i ? AF_INET6 : AF_INET, gateways[i], subnets[i]))
			return err_set(err, EINVAL,
				       "gateway%s is %s, which is not in subnet%s '%s'; name the "
				       "router of that subnet",
				       names[i], gateways[i], names[i], subnets[i]);
	}
	return 0;
}

static int check_own(const struct network_config *config, struct err *err)
{
	if (*config->parent)
		return err_set(
			err, EINVAL,
			"parent is '%s', but a network of kind %s has a bridge of berth's; "
			"leave parent out, or choose another kind: join, for a bridge of the "
			"host's, macvlan, for another interface",
			config->parent, config->kind);
	if (*config->gateway || *config->gateway6)
		return err_set(err, EINVAL,
			       "gateway%s is %s, but the gateway of a network of kind %s is the "
			       "host, with the first address; leave it out",
			       *config->gateway ? "" : "6",
			       *config->gateway ? config->gateway : config->gateway6, config->kind);
	return 0;
}

/* Modes belong to a kind each. */
static int check_mode(const struct network_config *config, struct err *err)
{
	static const char *const macvlan[] = {
		"auto", "bridge", "private", "vepa", "passthru", NULL
	};
	static const char *const ipvlan[] = { "auto", "l2", "l3", "l3s", NULL };
	static const char *const none[] = { "auto", NULL };
	bool is_macvlan = is_kind(config, "macvlan"), is_ipvlan = is_kind(config, "ipvlan");
	const char *const *modes = is_macvlan ? macvlan : is_ipvlan ? ipvlan : none;

	for (size_t i = 0; modes[i]; i++) {
		if (strcmp(config->mode, modes[i]) == 0)
			return 0;
	}
	return err_set(err, EINVAL, "mode is '%s', but a network of kind %s %s", config->mode,
		       config->kind,
		       is_macvlan  ? "has one of bridge, private, vepa and passthru"
		       : is_ipvlan ? "has one of l2, l3 and l3s"
				   : "has no mode; leave it out, or choose kind=macvlan or "
				     "kind=ipvlan");
}

/* A single mode of the kernel does that for all machines. */
static int check_isolated(const struct network_config *config, struct err *err)
{
	if (!config->isolated || !config_is_inside(config))
		return 0;
	return is_kind(config, "macvlan")
		       ? err_set(err, EINVAL,
				 "isolated is yes, but on a network of kind macvlan mode=private "
				 "does "
				 "that; leave isolated out, and choose that mode")
		       : err_set(err, EINVAL,
				 "isolated is yes, but machines on a network of kind %s reach each "
				 "other; leave it out, or choose kind=macvlan with mode=private",
				 config->kind);
}

static int check_parent(const struct network_config *config, struct err *err)
{
	if (config_has_parent(config) && !*config->parent)
		return err_set(err, EINVAL,
			       "a network of kind %s has no parent; name the %s of the host that "
			       "machines are put on: parent=LINK",
			       config->kind, is_kind(config, "join") ? "bridge" : "interface");
	if (!config_has_parent(config) && *config->parent)
		return err_set(err, EINVAL,
			       "parent is '%s', but a network of kind %s leads nowhere; leave "
			       "parent out, or choose kind=join or kind=macvlan",
			       config->parent, config->kind);
	return 0;
}

static int check_alias(const char *alias, const char *machine, const char *behind, struct err *err)
{
	const char *fault = text_label_fault(alias);

	if (!machine)
		return err_set(err, EINVAL,
			       "dns.aliases has '%.80s'; a word of it is ALIAS=MACHINE, such as "
			       "db=postgres-3",
			       alias);
	if (fault)
		return err_set(err, EINVAL, "dns.aliases has alias '%.80s', which %s", alias,
			       fault);
	fault = text_label_fault(machine);
	if (fault)
		return err_set(err, EINVAL, "dns.aliases has machine '%.80s', which %s", machine,
			       fault);
	if (strcmp(alias, machine) == 0)
		return err_set(err, EINVAL, "dns.aliases has '%s' as an alias of itself", alias);
	for (size_t n = strlen(alias); behind && *behind; behind += strspn(behind, " ")) {
		if (strncmp(behind, alias, n) == 0 && behind[n] == '=')
			return err_set(err, EINVAL, "dns.aliases has alias '%s' twice", alias);
		behind += strcspn(behind, " ");
	}
	return 0;
}

int config_check_aliases(const char *list, struct err *err)
{
	enum { ALIASES_MAX = 256 };
	char *words = strdup(list), *rest = words;
	unsigned count = 0;
	int r = words ? 0 : err_set(err, ENOMEM, "out of memory");

	for (char *word; r == 0 && (word = strsep(&rest, " "));) {
		const char *alias = strsep(&word, "=");
		if (!*alias && !word)
			continue;
		r = ++count > ALIASES_MAX
			    ? err_set(err, E2BIG, "dns.aliases has more than %d", ALIASES_MAX)
			    : check_alias(alias, word, rest, err);
	}
	free(words);
	return r;
}

char *config_rename_aliased(const char *list, const char *from, const char *to)
{
	scoped_free char *words = strdup(list);
	scoped_text struct text text = { 0 };
	char *rest = words;
	bool found = false;

	for (char *word; rest && (word = strsep(&rest, " "));) {
		const char *alias = strsep(&word, "=");
		bool same = word && strcmp(word, from) == 0;
		found |= same;
		if (word && !(same && strcmp(alias, to) == 0))
			text_add(&text, "%s%s=%s", text.length ? " " : "", alias, same ? to : word);
	}
	return found && !text.failed ? strdup(text_str(&text)) : NULL;
}

int config_check_network(const struct network_config *config, struct err *err)
{
	if (config->parent_force && !config_is_physical(config))
		return err_set(
			err, EINVAL,
			"parent.force is yes, but a network of kind %s takes nothing from the "
			"host; leave it out, or choose kind=physical",
			config->kind);
	if (check_mode(config, err) < 0 || check_isolated(config, err) < 0 ||
	    config_check_aliases(config->dns_aliases, err) < 0 ||
	    config_check_routes(config, config->routes, err) < 0 ||
	    rules_check(config->rules, err) < 0)
		return -err->code;
	if (config->rules && config_is_inside(config))
		return err_set(
			err, EINVAL,
			"there is a rule '%s', but machines on a network of kind %s have no "
			"ports on the host that could filter; remove it, or choose kind=join",
			config->rules->name, config->kind);
	if (config_is_own(config))
		return check_own(config, err);
	if (check_parent(config, err) < 0)
		return -err->code;
	if (*config->bridge)
		return err_set(err, EINVAL,
			       "bridge is '%s', but a network of kind %s has no bridge of berth's; "
			       "leave bridge out%s",
			       config->bridge, config->kind,
			       config_has_parent(config) ? ": parent names the host's" : "");
	if (strcmp(config->subnet6, "auto") == 0)
		return err_set(err, EINVAL,
			       "subnet6 is auto, but berth draws no prefix for a network of kind "
			       "%s; name the one that is in use there, or leave it out",
			       config->kind);
	return check_gateways(config, err);
}

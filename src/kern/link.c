#include "kern/link.h"

#include "base/scoped.h"

#include <linux/if_addr.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <netlink/attr.h>
#include <netlink/msg.h>
#include <netlink/netlink.h>
#include <netlink/route/addr.h>
#include <netlink/route/link.h>
#include <netlink/route/link/bridge.h>
#include <netlink/route/link/veth.h>
#include <string.h>
#include <sys/socket.h>

enum { TRIES = 10, ANSWER_MAX = 32768 };

struct link_socket {
	struct nl_sock *nl;
	int code; /* what the kernel answered to the last request: -errno, or 0 */
	char why[160];
};

/* libnl folds several errno values into one code of its own: we take the kernel's from the message. */
static int kernel_refused(struct sockaddr_nl *from, struct nlmsgerr *answer, void *context)
{
	struct link_socket *links = context;
	struct nlmsghdr *head = (struct nlmsghdr *)((char *)answer - NLMSG_HDRLEN);

	(void)from;
	/* No other numbers are errors; see IS_ERR_VALUE of the kernel's. */
	links->code = answer->error < 0 && answer->error >= -4095 ? answer->error : -EPROTO;
	if (!(head->nlmsg_flags & NLM_F_ACK_TLVS))
		return NL_STOP;
	size_t skip = sizeof *answer;
	if (!(head->nlmsg_flags & NLM_F_CAPPED) && answer->msg.nlmsg_len > NLMSG_HDRLEN)
		skip += answer->msg.nlmsg_len - NLMSG_HDRLEN;
	if (skip > head->nlmsg_len)
		return NL_STOP;
	struct nlattr *words = nlmsg_find_attr(head, (int)skip, NLMSGERR_ATTR_MSG);
	if (words)
		nla_strlcpy(links->why, words, sizeof links->why);
	return NL_STOP;
}

/* What libnl says of its own accord, without having asked the kernel. */
static int errno_of(int nl_code)
{
	switch (nl_code < 0 ? -nl_code : nl_code) {
	case NLE_INTR:
	case NLE_DUMP_INTR:
		return EINTR;
	case NLE_NOMEM:
		return ENOMEM;
	case NLE_OBJ_NOTFOUND:
	case NLE_NODEV:
		return ENODEV;
	case NLE_EXIST:
		return EEXIST;
	case NLE_PERM:
	case NLE_NOACCESS:
		return EPERM;
	case NLE_INVAL:
	case NLE_RANGE:
		return EINVAL;
	case NLE_AF_NOSUPPORT:
	case NLE_OPNOTSUPP:
		return EOPNOTSUPP;
	case NLE_BUSY:
		return EBUSY;
	case NLE_AGAIN:
		return EAGAIN;
	default:
		return EIO;
	}
}

static void begin(struct link_socket *links)
{
	links->code = 0;
	links->why[0] = '\0';
}

/* Ends a request: libnl's result becomes 0 or -errno, and words are there for it. */
static int finish(struct link_socket *links, int result)
{
	if (result >= 0)
		return 0;
	int code = links->code ? links->code : -errno_of(result);
	if (!links->why[0])
		snprintf(links->why, sizeof links->why, "%s", strerror(-code));
	return code;
}

int link_open(struct link_socket **out)
{
	const int on = 1;
	struct link_socket *links = calloc(1, sizeof *links);

	if (!links)
		return -ENOMEM;
	links->nl = nl_socket_alloc();
	if (!links->nl) {
		link_close(&links);
		return -ENOMEM;
	}
	nl_socket_modify_err_cb(links->nl, NL_CB_CUSTOM, kernel_refused, links);
	/* Else libnl receives everything twice, to learn its size first; the kernel sends at most 32 KiB. */
	nl_socket_disable_msg_peek(links->nl);
	int r = nl_socket_set_msg_buf_size(links->nl, ANSWER_MAX);
	if (r == 0)
		r = nl_connect(links->nl, NETLINK_ROUTE);
	if (r < 0) {
		link_close(&links);
		return -errno_of(r);
	}
	/* All three are extras: older kernels answer with less. */
	int fd = nl_socket_get_fd(links->nl);
	setsockopt(fd, SOL_NETLINK, NETLINK_EXT_ACK, &on, sizeof on);
	setsockopt(fd, SOL_NETLINK, NETLINK_CAP_ACK, &on, sizeof on);
	setsockopt(fd, SOL_NETLINK, NETLINK_GET_STRICT_CHK, &on, sizeof on);
	*out = links;
	return 0;
}

void link_close(struct link_socket **links)
{
	if (!*links)
		return;
	nl_socket_free((*links)->nl);
	free(*links);
	*links = NULL;
}

const char *link_why(const struct link_socket *links)
{
	return links->why[0] ? links->why : "no failure";
}

/* Sends a message and waits for its answer; the message is given away. */
static int talk(struct link_socket *links, struct nl_msg *message)
{
	begin(links);
	return finish(links, message ? nl_send_sync(links->nl, message) : -NLE_NOMEM);
}

int link_find(struct link_socket *links, const char *name, struct link_info *info)
{
	struct rtnl_link *link = NULL;

	begin(links);
	int r = finish(links, rtnl_link_get_kernel(links->nl, 0, name, &link));
	if (r < 0)
		return r;
	/* An answer without a link in it. */
	if (!link)
		return -EPROTO;
	*info = (struct link_info){ .index = rtnl_link_get_ifindex(link),
				    .up = rtnl_link_get_flags(link) & IFF_UP };
	const char *kind = rtnl_link_get_type(link);
	const char *alias = rtnl_link_get_ifalias(link);
	struct nl_addr *mac = rtnl_link_get_addr(link);
	if (kind)
		snprintf(info->kind, sizeof info->kind, "%s", kind);
	if (alias)
		snprintf(info->alias, sizeof info->alias, "%s", alias);
	if (mac && nl_addr_get_len(mac) == LINK_MAC)
		memcpy(info->mac, nl_addr_get_binary_addr(mac), LINK_MAC);
	rtnl_link_put(link);
	return 0;
}

static void set_mac(struct rtnl_link *link, const unsigned char *mac)
{
	struct nl_addr *address = nl_addr_build(AF_LLC, mac, LINK_MAC);

	if (address) {
		rtnl_link_set_addr(link, address);
		nl_addr_put(address);
	}
}

static int add_bridge(struct link_socket *links, const char *name, const unsigned char *mac)
{
	struct rtnl_link *bridge = rtnl_link_bridge_alloc();
	struct nl_msg *message = NULL;

	begin(links);
	if (!bridge)
		return finish(links, -NLE_NOMEM);
	rtnl_link_set_name(bridge, name);
	rtnl_link_set_flags(bridge, IFF_UP);
	set_mac(bridge, mac);
	int r = rtnl_link_build_add_request(bridge, NLM_F_CREATE | NLM_F_EXCL, &message);
	rtnl_link_put(bridge);
	return r < 0 ? finish(links, r) : talk(links, message);
}

int link_join_bridge(struct link_socket *links, const char *name, const unsigned char *mac,
		     struct link_info *info)
{
	int r = -EAGAIN;

	/* Another command may make or remove it between our two requests; not for ever, though. */
	for (int i = 0; i < TRIES; i++) {
		r = link_find(links, name, info);
		if (r != -ENODEV)
			return r;
		r = add_bridge(links, name, mac);
		if (r < 0 && r != -EEXIST)
			return r;
	}
	return r < 0 ? r : -EAGAIN;
}

/* A change to one link, without attributes yet. */
static struct nl_msg *change_link(int index, unsigned flags)
{
	struct ifinfomsg head = { .ifi_index = index, .ifi_flags = flags, .ifi_change = flags };
	struct nl_msg *message = nlmsg_alloc_simple(RTM_NEWLINK, 0);

	if (message && nlmsg_append(message, &head, sizeof head, NLMSG_ALIGNTO) < 0) {
		nlmsg_free(message);
		return NULL;
	}
	return message;
}

int link_set_up(struct link_socket *links, int index)
{
	return talk(links, change_link(index, IFF_UP));
}

int link_set_alias(struct link_socket *links, int index, const char *alias)
{
	struct nl_msg *message = change_link(index, 0);

	if (message)
		nla_put(message, IFLA_IFALIAS, (int)strlen(alias), alias);
	return talk(links, message);
}

static struct in_addr broadcast_of(struct in_addr address, unsigned prefix)
{
	uint32_t host_bits = prefix >= 32 ? 0 : UINT32_MAX >> prefix;

	return (struct in_addr){ address.s_addr | htonl(host_bits) };
}

int link_add_address(struct link_socket *links, int index, struct in_addr address, unsigned prefix)
{
	struct ifaddrmsg head = { .ifa_family = AF_INET,
				  .ifa_prefixlen = (unsigned char)prefix,
				  .ifa_index = (unsigned)index };
	struct in_addr broadcast = broadcast_of(address, prefix);
	struct nl_msg *message = nlmsg_alloc_simple(RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL);

	if (message) {
		nlmsg_append(message, &head, sizeof head, NLMSG_ALIGNTO);
		nla_put(message, IFA_LOCAL, sizeof address, &address);
		nla_put(message, IFA_ADDRESS, sizeof address, &address);
		if (prefix < 31)
			nla_put(message, IFA_BROADCAST, sizeof broadcast, &broadcast);
	}
	int r = talk(links, message);
	return r == -EEXIST ? 0 : r;
}

int link_add_default_route(struct link_socket *links, int index, struct in_addr gateway)
{
	struct rtmsg head = { .rtm_family = AF_INET,
			      .rtm_table = RT_TABLE_MAIN,
			      .rtm_protocol = RTPROT_BOOT,
			      .rtm_scope = RT_SCOPE_UNIVERSE,
			      .rtm_type = RTN_UNICAST };
	struct nl_msg *message = nlmsg_alloc_simple(RTM_NEWROUTE, NLM_F_CREATE | NLM_F_REPLACE);

	if (message) {
		nlmsg_append(message, &head, sizeof head, NLMSG_ALIGNTO);
		nla_put(message, RTA_GATEWAY, sizeof gateway, &gateway);
		nla_put_u32(message, RTA_OIF, (uint32_t)index);
	}
	return talk(links, message);
}

static struct nl_msg *veth_message(const struct link_veth *veth)
{
	struct rtnl_link *ours = rtnl_link_veth_alloc();
	struct nl_msg *message = NULL;

	if (!ours)
		return NULL;
	rtnl_link_set_name(ours, veth->name);
	rtnl_link_set_master(ours, veth->bridge);
	rtnl_link_set_flags(ours, IFF_UP);
	/* Borrowed: veth_get_peer takes a reference of its own. */
	struct rtnl_link *peer = rtnl_link_veth_get_peer(ours);
	rtnl_link_set_name(peer, veth->peer);
	rtnl_link_set_ns_pid(peer, veth->pid);
	set_mac(peer, veth->peer_mac);
	if (rtnl_link_build_add_request(ours, NLM_F_CREATE | NLM_F_EXCL, &message) < 0)
		message = NULL;
	rtnl_link_put(peer);
	rtnl_link_put(ours);
	return message;
}

/*
 * Two messages in one send: the kernel takes an alias only from a change, not when it makes a link,
 * and nobody shall see, nor a killed command leave, the one without the other.
 */
static int send_both(struct link_socket *links, struct nl_msg *one, struct nl_msg *other)
{
	scoped_free char *both = NULL;

	nl_complete_msg(links->nl, one);
	nl_complete_msg(links->nl, other);
	size_t first = NLMSG_ALIGN(nlmsg_hdr(one)->nlmsg_len);
	size_t second = nlmsg_hdr(other)->nlmsg_len;
	both = calloc(1, first + second);
	if (!both)
		return -NLE_NOMEM;
	memcpy(both, nlmsg_hdr(one), nlmsg_hdr(one)->nlmsg_len);
	memcpy(both + first, nlmsg_hdr(other), second);
	return nl_sendto(links->nl, both, first + second);
}

/* What a port is to its bridge, which the kernel takes from a change alone, too. */
static int put_isolated(struct nl_msg *message)
{
	struct nlattr *info = nla_nest_start(message, IFLA_LINKINFO);

	if (!info || nla_put_string(message, IFLA_INFO_SLAVE_KIND, "bridge") < 0)
		return -NLE_NOMEM;
	struct nlattr *port = nla_nest_start(message, IFLA_INFO_SLAVE_DATA);
	if (!port || nla_put_u8(message, IFLA_BRPORT_ISOLATED, 1) < 0)
		return -NLE_NOMEM;
	nla_nest_end(message, port);
	nla_nest_end(message, info);
	return 0;
}

int link_add_veth(struct link_socket *links, const struct link_veth *veth)
{
	struct nl_msg *make = veth_message(veth);
	struct nl_msg *name = change_link(0, 0);

	begin(links);
	int r = -NLE_NOMEM;
	if (make && name && nla_put_string(name, IFLA_IFNAME, veth->name) == 0 &&
	    nla_put(name, IFLA_IFALIAS, (int)strlen(veth->alias), veth->alias) == 0 &&
	    (!veth->isolated || put_isolated(name) == 0))
		r = send_both(links, make, name);
	nlmsg_free(make);
	nlmsg_free(name);
	if (r < 0)
		return finish(links, r);

	r = finish(links, nl_wait_for_ack(links->nl));
	/* The second answer comes in any case and must not be left to the next request. */
	struct link_socket made = *links;
	begin(links);
	int changed = finish(links, nl_wait_for_ack(links->nl));
	/* An alias is for people, but who wants a wall shall have it or hear of it. */
	if (r == 0 && changed < 0 && veth->isolated)
		return changed;
	*links = made;
	return r;
}

int link_delete(struct link_socket *links, const char *name)
{
	struct ifinfomsg head = { 0 };
	struct nl_msg *message = nlmsg_alloc_simple(RTM_DELLINK, 0);

	if (message) {
		nlmsg_append(message, &head, sizeof head, NLMSG_ALIGNTO);
		nla_put_string(message, IFLA_IFNAME, name);
	}
	int r = talk(links, message);
	return r == -ENODEV ? 0 : r;
}

/* Asks for a whole table; each is called with every entry. The message is given away. */
static int dump(struct link_socket *links, struct nl_msg *message, nl_recvmsg_msg_cb_t each,
		void *context)
{
	begin(links);
	if (!message)
		return finish(links, -NLE_NOMEM);
	nl_socket_modify_cb(links->nl, NL_CB_VALID, NL_CB_CUSTOM, each, context);
	int r = nl_send_auto(links->nl, message);
	nlmsg_free(message);
	if (r >= 0)
		r = nl_recvmsgs_default(links->nl);
	nl_socket_modify_cb(links->nl, NL_CB_VALID, NL_CB_DEFAULT, NULL, NULL);
	return finish(links, r);
}

static struct nl_msg *ask(int type, const void *head, size_t size)
{
	struct nl_msg *message = nlmsg_alloc_simple(type, NLM_F_DUMP);

	if (message)
		nlmsg_append(message, (void *)(uintptr_t)head, size, NLMSG_ALIGNTO);
	return message;
}

/* An attribute of the message that is behind its head and holds a number. */
static bool find_u32(struct nl_msg *message, size_t head, int type, uint32_t *value)
{
	const struct nlattr *attr = nlmsg_valid_hdr(nlmsg_hdr(message), (int)head)
					    ? nlmsg_find_attr(nlmsg_hdr(message), (int)head, type)
					    : NULL;

	if (!attr || nla_len(attr) < (int)sizeof *value)
		return false;
	*value = nla_get_u32(attr);
	return true;
}

struct port_count {
	int bridge;
	int ports;
};

static int count_port(struct nl_msg *message, void *context)
{
	struct port_count *count = context;
	uint32_t master;

	if (find_u32(message, sizeof(struct ifinfomsg), IFLA_MASTER, &master) &&
	    master == (uint32_t)count->bridge)
		count->ports++;
	return NL_OK;
}

int link_count_ports(struct link_socket *links, int bridge)
{
	struct port_count count = { .bridge = bridge };
	struct ifinfomsg head = { 0 };
	int r = -EINTR;

	for (int i = 0; r == -EINTR && i < TRIES; i++) {
		struct nl_msg *message = ask(RTM_GETLINK, &head, sizeof head);
		if (message)
			nla_put_u32(message, IFLA_MASTER, (uint32_t)bridge);
		count.ports = 0;
		r = dump(links, message, count_port, &count);
	}
	return r < 0 ? r : count.ports;
}

struct address_search {
	int index;
	struct in_addr address;
	unsigned prefix;
	bool found;
};

static int compare_address(struct nl_msg *message, void *context)
{
	struct address_search *search = context;
	const struct ifaddrmsg *head = nlmsg_data(nlmsg_hdr(message));
	uint32_t local;

	if (find_u32(message, sizeof *head, IFA_LOCAL, &local) &&
	    head->ifa_index == (unsigned)search->index && head->ifa_prefixlen == search->prefix &&
	    local == search->address.s_addr)
		search->found = true;
	return NL_OK;
}

int link_has_address(struct link_socket *links, int index, struct in_addr address, unsigned prefix)
{
	struct address_search search = { .index = index, .address = address, .prefix = prefix };
	struct ifaddrmsg head = { .ifa_family = AF_INET, .ifa_index = (unsigned)index };
	int r = dump(links, ask(RTM_GETADDR, &head, sizeof head), compare_address, &search);

	return r < 0 && r != -EINTR ? r : search.found;
}

struct subnet_visit {
	int (*visit)(void *, struct in_addr, unsigned, int);
	void *context;
	int stopped; /* what visit returned, once it was nonzero */
};

static void visit_subnet(struct subnet_visit *visit, uint32_t network, unsigned prefix, int index)
{
	if (prefix <= 32 && !visit->stopped)
		visit->stopped =
			visit->visit(visit->context, (struct in_addr){ network }, prefix, index);
}

static int visit_address(struct nl_msg *message, void *context)
{
	const struct ifaddrmsg *head = nlmsg_data(nlmsg_hdr(message));
	uint32_t network;

	if (find_u32(message, sizeof *head, IFA_ADDRESS, &network))
		visit_subnet(context, network, head->ifa_prefixlen, (int)head->ifa_index);
	return NL_OK;
}

static int visit_route(struct nl_msg *message, void *context)
{
	const struct rtmsg *head = nlmsg_data(nlmsg_hdr(message));
	uint32_t network, out = 0;

	if (find_u32(message, sizeof *head, RTA_DST, &network) && head->rtm_dst_len > 0) {
		find_u32(message, sizeof *head, RTA_OIF, &out);
		visit_subnet(context, network, head->rtm_dst_len, (int)out);
	}
	return NL_OK;
}

int link_each_subnet(struct link_socket *links,
		     int (*visit)(void *, struct in_addr network, unsigned prefix, int index),
		     void *context)
{
	struct subnet_visit each = { .visit = visit, .context = context };
	struct ifaddrmsg addresses = { .ifa_family = AF_INET };
	struct rtmsg routes = { .rtm_family = AF_INET };
	int r = -EINTR;

	for (int i = 0; r == -EINTR && i < TRIES; i++)
		r = dump(links, ask(RTM_GETADDR, &addresses, sizeof addresses), visit_address,
			 &each);
	if (r < 0 || each.stopped)
		return r < 0 ? r : each.stopped;
	r = -EINTR;
	for (int i = 0; r == -EINTR && i < TRIES; i++)
		r = dump(links, ask(RTM_GETROUTE, &routes, sizeof routes), visit_route, &each);
	return r < 0 ? r : each.stopped;
}

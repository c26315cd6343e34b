/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The functions of libnl, which is loaded when the first is needed: linked, it would cost every command half a
 * millisecond. For the files of kern/link alone, after libnl's own headers. A function that is missing below does
 * not link.
 */
#ifndef BERTH_KERN_LINK_CALLS_H
#define BERTH_KERN_LINK_CALLS_H

#include "kern/library.h"

#include <netlink/attr.h>
#include <netlink/msg.h>
#include <netlink/netlink.h>
#include <netlink/route/link.h>
#include <netlink/route/link/bridge.h>
#include <netlink/route/link/veth.h>

#define LINK_CALLS(CALL)                  \
	CALL(nl_addr_build)               \
	CALL(nl_addr_get_binary_addr)     \
	CALL(nl_addr_get_len)             \
	CALL(nl_addr_put)                 \
	CALL(nl_complete_msg)             \
	CALL(nl_connect)                  \
	CALL(nl_recvmsgs_default)         \
	CALL(nl_send_auto)                \
	CALL(nl_send_sync)                \
	CALL(nl_sendto)                   \
	CALL(nl_socket_alloc)             \
	CALL(nl_socket_disable_msg_peek)  \
	CALL(nl_socket_free)              \
	CALL(nl_socket_get_fd)            \
	CALL(nl_socket_modify_cb)         \
	CALL(nl_socket_modify_err_cb)     \
	CALL(nl_socket_set_msg_buf_size)  \
	CALL(nl_wait_for_ack)             \
	CALL(nla_data)                    \
	CALL(nla_find)                    \
	CALL(nla_get_string)              \
	CALL(nla_get_u32)                 \
	CALL(nla_len)                     \
	CALL(nla_memcpy)                  \
	CALL(nla_nest_end)                \
	CALL(nla_nest_start)              \
	CALL(nla_put)                     \
	CALL(nla_put_string)              \
	CALL(nla_put_u32)                 \
	CALL(nla_put_u8)                  \
	CALL(nla_strlcpy)                 \
	CALL(nlmsg_alloc_simple)          \
	CALL(nlmsg_append)                \
	CALL(nlmsg_data)                  \
	CALL(nlmsg_find_attr)             \
	CALL(nlmsg_free)                  \
	CALL(nlmsg_hdr)                   \
	CALL(nlmsg_valid_hdr)             \
	CALL(rtnl_link_bridge_alloc)      \
	CALL(rtnl_link_build_add_request) \
	CALL(rtnl_link_get_addr)          \
	CALL(rtnl_link_get_flags)         \
	CALL(rtnl_link_get_ifalias)       \
	CALL(rtnl_link_get_ifindex)       \
	CALL(rtnl_link_get_kernel)        \
	CALL(rtnl_link_get_link)          \
	CALL(rtnl_link_get_master)        \
	CALL(rtnl_link_get_mtu)           \
	CALL(rtnl_link_get_name)          \
	CALL(rtnl_link_get_stat)          \
	CALL(rtnl_link_get_type)          \
	CALL(rtnl_link_put)               \
	CALL(rtnl_link_set_addr)          \
	CALL(rtnl_link_set_flags)         \
	CALL(rtnl_link_set_master)        \
	CALL(rtnl_link_set_mtu)           \
	CALL(rtnl_link_set_name)          \
	CALL(rtnl_link_set_ns_pid)        \
	CALL(rtnl_link_veth_alloc)        \
	CALL(rtnl_link_veth_get_peer)

extern struct link_calls {
	LINK_CALLS(LIBRARY_CALL)
} link_calls;

#define nl_addr_build               link_calls.nl_addr_build
#define nl_addr_get_binary_addr     link_calls.nl_addr_get_binary_addr
#define nl_addr_get_len             link_calls.nl_addr_get_len
#define nl_addr_put                 link_calls.nl_addr_put
#define nl_complete_msg             link_calls.nl_complete_msg
#define nl_connect                  link_calls.nl_connect
#define nl_recvmsgs_default         link_calls.nl_recvmsgs_default
#define nl_send_auto                link_calls.nl_send_auto
#define nl_send_sync                link_calls.nl_send_sync
#define nl_sendto                   link_calls.nl_sendto
#define nl_socket_alloc             link_calls.nl_socket_alloc
#define nl_socket_disable_msg_peek  link_calls.nl_socket_disable_msg_peek
#define nl_socket_free              link_calls.nl_socket_free
#define nl_socket_get_fd            link_calls.nl_socket_get_fd
#define nl_socket_modify_cb         link_calls.nl_socket_modify_cb
#define nl_socket_modify_err_cb     link_calls.nl_socket_modify_err_cb
#define nl_socket_set_msg_buf_size  link_calls.nl_socket_set_msg_buf_size
#define nl_wait_for_ack             link_calls.nl_wait_for_ack
#define nla_data                    link_calls.nla_data
#define nla_find                    link_calls.nla_find
#define nla_get_string              link_calls.nla_get_string
#define nla_get_u32                 link_calls.nla_get_u32
#define nla_len                     link_calls.nla_len
#define nla_memcpy                  link_calls.nla_memcpy
#define nla_nest_end                link_calls.nla_nest_end
#define nla_nest_start              link_calls.nla_nest_start
#define nla_put                     link_calls.nla_put
#define nla_put_string              link_calls.nla_put_string
#define nla_put_u32                 link_calls.nla_put_u32
#define nla_put_u8                  link_calls.nla_put_u8
#define nla_strlcpy                 link_calls.nla_strlcpy
#define nlmsg_alloc_simple          link_calls.nlmsg_alloc_simple
#define nlmsg_append                link_calls.nlmsg_append
#define nlmsg_data                  link_calls.nlmsg_data
#define nlmsg_find_attr             link_calls.nlmsg_find_attr
#define nlmsg_free                  link_calls.nlmsg_free
#define nlmsg_hdr                   link_calls.nlmsg_hdr
#define nlmsg_valid_hdr             link_calls.nlmsg_valid_hdr
#define rtnl_link_bridge_alloc      link_calls.rtnl_link_bridge_alloc
#define rtnl_link_build_add_request link_calls.rtnl_link_build_add_request
#define rtnl_link_get_addr          link_calls.rtnl_link_get_addr
#define rtnl_link_get_flags         link_calls.rtnl_link_get_flags
#define rtnl_link_get_ifalias       link_calls.rtnl_link_get_ifalias
#define rtnl_link_get_ifindex       link_calls.rtnl_link_get_ifindex
#define rtnl_link_get_kernel        link_calls.rtnl_link_get_kernel
#define rtnl_link_get_link          link_calls.rtnl_link_get_link
#define rtnl_link_get_master        link_calls.rtnl_link_get_master
#define rtnl_link_get_mtu           link_calls.rtnl_link_get_mtu
#define rtnl_link_get_name          link_calls.rtnl_link_get_name
#define rtnl_link_get_stat          link_calls.rtnl_link_get_stat
#define rtnl_link_get_type          link_calls.rtnl_link_get_type
#define rtnl_link_put               link_calls.rtnl_link_put
#define rtnl_link_set_addr          link_calls.rtnl_link_set_addr
#define rtnl_link_set_flags         link_calls.rtnl_link_set_flags
#define rtnl_link_set_master        link_calls.rtnl_link_set_master
#define rtnl_link_set_mtu           link_calls.rtnl_link_set_mtu
#define rtnl_link_set_name          link_calls.rtnl_link_set_name
#define rtnl_link_set_ns_pid        link_calls.rtnl_link_set_ns_pid
#define rtnl_link_veth_alloc        link_calls.rtnl_link_veth_alloc
#define rtnl_link_veth_get_peer     link_calls.rtnl_link_veth_get_peer

#endif

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The functions of libmnl and libnftnl, which are loaded when the first is needed, as kern/link_calls.h has it of
 * libnl. For the files of kern/nft alone.
 */
#ifndef BERTH_KERN_NFT_CALLS_H
#define BERTH_KERN_NFT_CALLS_H

#include "kern/library.h"

#include <stdio.h> /* libnftnl/expr.h needs it before */

#include <libmnl/libmnl.h>
#include <libnftnl/chain.h>
#include <libnftnl/common.h>
#include <libnftnl/expr.h>
#include <libnftnl/rule.h>
#include <libnftnl/set.h>
#include <libnftnl/table.h>
#include <libnftnl/udata.h>

#define NFT_CALLS(CALL)                       \
	CALL(mnl_cb_run)                      \
	CALL(mnl_nlmsg_batch_current)         \
	CALL(mnl_nlmsg_batch_head)            \
	CALL(mnl_nlmsg_batch_next)            \
	CALL(mnl_nlmsg_batch_size)            \
	CALL(mnl_nlmsg_batch_start)           \
	CALL(mnl_nlmsg_batch_stop)            \
	CALL(mnl_socket_bind)                 \
	CALL(mnl_socket_close)                \
	CALL(mnl_socket_get_fd)               \
	CALL(mnl_socket_open2)                \
	CALL(mnl_socket_recvfrom)             \
	CALL(mnl_socket_sendto)               \
	CALL(nftnl_batch_begin)               \
	CALL(nftnl_batch_end)                 \
	CALL(nftnl_chain_alloc)               \
	CALL(nftnl_chain_free)                \
	CALL(nftnl_chain_get_str)             \
	CALL(nftnl_chain_get_u32)             \
	CALL(nftnl_chain_is_set)              \
	CALL(nftnl_chain_nlmsg_build_payload) \
	CALL(nftnl_chain_nlmsg_parse)         \
	CALL(nftnl_chain_set_s32)             \
	CALL(nftnl_chain_set_str)             \
	CALL(nftnl_chain_set_u32)             \
	CALL(nftnl_expr_alloc)                \
	CALL(nftnl_expr_foreach)              \
	CALL(nftnl_expr_free)                 \
	CALL(nftnl_expr_get_str)              \
	CALL(nftnl_expr_get_u64)              \
	CALL(nftnl_expr_set)                  \
	CALL(nftnl_expr_set_str)              \
	CALL(nftnl_expr_set_u32)              \
	CALL(nftnl_expr_set_u64)              \
	CALL(nftnl_nlmsg_build_hdr)           \
	CALL(nftnl_rule_add_expr)             \
	CALL(nftnl_rule_alloc)                \
	CALL(nftnl_rule_free)                 \
	CALL(nftnl_rule_get_data)             \
	CALL(nftnl_rule_get_str)              \
	CALL(nftnl_rule_nlmsg_build_payload)  \
	CALL(nftnl_rule_nlmsg_parse)          \
	CALL(nftnl_rule_set_data)             \
	CALL(nftnl_rule_set_str)              \
	CALL(nftnl_rule_set_u32)              \
	CALL(nftnl_set_alloc)                 \
	CALL(nftnl_set_free)                  \
	CALL(nftnl_set_nlmsg_build_payload)   \
	CALL(nftnl_set_set_str)               \
	CALL(nftnl_set_set_u32)               \
	CALL(nftnl_table_alloc)               \
	CALL(nftnl_table_free)                \
	CALL(nftnl_table_nlmsg_build_payload) \
	CALL(nftnl_table_set_str)             \
	CALL(nftnl_table_set_u32)             \
	CALL(nftnl_udata_buf_alloc)           \
	CALL(nftnl_udata_buf_data)            \
	CALL(nftnl_udata_buf_free)            \
	CALL(nftnl_udata_buf_len)             \
	CALL(nftnl_udata_put_strz)

extern struct nft_calls {
	NFT_CALLS(LIBRARY_CALL)
} nft_calls;

#define mnl_cb_run                      nft_calls.mnl_cb_run
#define mnl_nlmsg_batch_current         nft_calls.mnl_nlmsg_batch_current
#define mnl_nlmsg_batch_head            nft_calls.mnl_nlmsg_batch_head
#define mnl_nlmsg_batch_next            nft_calls.mnl_nlmsg_batch_next
#define mnl_nlmsg_batch_size            nft_calls.mnl_nlmsg_batch_size
#define mnl_nlmsg_batch_start           nft_calls.mnl_nlmsg_batch_start
#define mnl_nlmsg_batch_stop            nft_calls.mnl_nlmsg_batch_stop
#define mnl_socket_bind                 nft_calls.mnl_socket_bind
#define mnl_socket_close                nft_calls.mnl_socket_close
#define mnl_socket_get_fd               nft_calls.mnl_socket_get_fd
#define mnl_socket_open2                nft_calls.mnl_socket_open2
#define mnl_socket_recvfrom             nft_calls.mnl_socket_recvfrom
#define mnl_socket_sendto               nft_calls.mnl_socket_sendto
#define nftnl_batch_begin               nft_calls.nftnl_batch_begin
#define nftnl_batch_end                 nft_calls.nftnl_batch_end
#define nftnl_chain_alloc               nft_calls.nftnl_chain_alloc
#define nftnl_chain_free                nft_calls.nftnl_chain_free
#define nftnl_chain_get_str             nft_calls.nftnl_chain_get_str
#define nftnl_chain_get_u32             nft_calls.nftnl_chain_get_u32
#define nftnl_chain_is_set              nft_calls.nftnl_chain_is_set
#define nftnl_chain_nlmsg_build_payload nft_calls.nftnl_chain_nlmsg_build_payload
#define nftnl_chain_nlmsg_parse         nft_calls.nftnl_chain_nlmsg_parse
#define nftnl_chain_set_s32             nft_calls.nftnl_chain_set_s32
#define nftnl_chain_set_str             nft_calls.nftnl_chain_set_str
#define nftnl_chain_set_u32             nft_calls.nftnl_chain_set_u32
#define nftnl_expr_alloc                nft_calls.nftnl_expr_alloc
#define nftnl_expr_foreach              nft_calls.nftnl_expr_foreach
#define nftnl_expr_free                 nft_calls.nftnl_expr_free
#define nftnl_expr_get_str              nft_calls.nftnl_expr_get_str
#define nftnl_expr_get_u64              nft_calls.nftnl_expr_get_u64
#define nftnl_expr_set                  nft_calls.nftnl_expr_set
#define nftnl_expr_set_str              nft_calls.nftnl_expr_set_str
#define nftnl_expr_set_u32              nft_calls.nftnl_expr_set_u32
#define nftnl_expr_set_u64              nft_calls.nftnl_expr_set_u64
#define nftnl_nlmsg_build_hdr           nft_calls.nftnl_nlmsg_build_hdr
#define nftnl_rule_add_expr             nft_calls.nftnl_rule_add_expr
#define nftnl_rule_alloc                nft_calls.nftnl_rule_alloc
#define nftnl_rule_free                 nft_calls.nftnl_rule_free
#define nftnl_rule_get_data             nft_calls.nftnl_rule_get_data
#define nftnl_rule_get_str              nft_calls.nftnl_rule_get_str
#define nftnl_rule_nlmsg_build_payload  nft_calls.nftnl_rule_nlmsg_build_payload
#define nftnl_rule_nlmsg_parse          nft_calls.nftnl_rule_nlmsg_parse
#define nftnl_rule_set_data             nft_calls.nftnl_rule_set_data
#define nftnl_rule_set_str              nft_calls.nftnl_rule_set_str
#define nftnl_rule_set_u32              nft_calls.nftnl_rule_set_u32
#define nftnl_set_alloc                 nft_calls.nftnl_set_alloc
#define nftnl_set_free                  nft_calls.nftnl_set_free
#define nftnl_set_nlmsg_build_payload   nft_calls.nftnl_set_nlmsg_build_payload
#define nftnl_set_set_str               nft_calls.nftnl_set_set_str
#define nftnl_set_set_u32               nft_calls.nftnl_set_set_u32
#define nftnl_table_alloc               nft_calls.nftnl_table_alloc
#define nftnl_table_free                nft_calls.nftnl_table_free
#define nftnl_table_nlmsg_build_payload nft_calls.nftnl_table_nlmsg_build_payload
#define nftnl_table_set_str             nft_calls.nftnl_table_set_str
#define nftnl_table_set_u32             nft_calls.nftnl_table_set_u32
#define nftnl_udata_buf_alloc           nft_calls.nftnl_udata_buf_alloc
#define nftnl_udata_buf_data            nft_calls.nftnl_udata_buf_data
#define nftnl_udata_buf_free            nft_calls.nftnl_udata_buf_free
#define nftnl_udata_buf_len             nft_calls.nftnl_udata_buf_len
#define nftnl_udata_put_strz            nft_calls.nftnl_udata_put_strz

#endif

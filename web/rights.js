// SPDX-License-Identifier: GPL-2.0-or-later
// What the user may do, as the API tells it. The API decides; the page says beforehand what would be refused, and why.
let rights = null;

/** Those of "/1.0": null for who may do all, else the right on each machine. */
export function setRights(now) {
	rights = now ?? null;
}

export const mayAll = () => rights === null;

/** Why the user may not: "" if he may. what: "manage" a machine of that name, or "all" that is the host's. */
export function whyNot(what, name) {
	if (mayAll() || (what === "manage" && rights[name] === "manage"))
		return "";
	if (what === "manage")
		return `You may use ${name}, but not change it: that needs "manage" in its access.users.`;
	return "This is for root, and for the group that api.group in berth.conf names.";
}

// SPDX-License-Identifier: GPL-2.0-or-later
// What can be done: for each the request, and the command line that does the same.

const machine = (name) => `/machines/${encodeURIComponent(name)}`;

function state(name, action, more, flags) {
	const words = { start: "start", stop: "stop", restart: "restart", freeze: "pause", unfreeze: "resume" };
	return {
		method: "PUT",
		path: `${machine(name)}/state`,
		body: { action, ...more },
		command: ["berth", words[action], ...(flags ?? []), name],
	};
}

export const requests = {
	start: (name) => state(name, "start"),
	stop: (name, force) => state(name, "stop", force ? { force: true } : {}, force ? ["--force"] : []),
	restart: (name, force) => state(name, "restart", force ? { force: true } : {}, force ? ["--force"] : []),
	pause: (name) => state(name, "freeze"),
	resume: (name) => state(name, "unfreeze"),
	delete: (name, force) => ({
		method: "DELETE",
		path: `${machine(name)}${force ? "?force=1" : ""}`,
		command: ["berth", "delete", ...(force ? ["--force"] : []), name],
	}),
	snapshot: (name, snapshot) => ({
		method: "POST",
		path: `${machine(name)}/snapshots`,
		body: { name: snapshot },
		command: ["berth", "snapshot", name, snapshot],
	}),
	restore: (name, snapshot) => ({
		method: "PUT",
		path: `${machine(name)}/snapshots/${encodeURIComponent(snapshot)}`,
		body: { action: "restore" },
		command: ["berth", "restore", name, snapshot],
	}),
	deleteSnapshot: (name, snapshot) => ({
		method: "DELETE",
		path: `${machine(name)}/snapshots/${encodeURIComponent(snapshot)}`,
		command: ["berth", "snapshot", "delete", name, snapshot],
	}),
	clone: (name, snapshot, to) => ({
		method: "POST",
		path: "/machines",
		body: { name: to, source: { type: "copy", machine: name, ...(snapshot ? { snapshot } : {}) } },
		command: ["berth", "clone", snapshot ? `${name}@${snapshot}` : name, to],
	}),
	create: (template, name, wish) => ({
		method: "POST",
		path: "/machines",
		body: {
			name,
			source: { type: wish.start ? "launch" : "template", template },
			...(wish.pool ? { pool: wish.pool } : {}),
			...(wish.network !== undefined ? { network: wish.network } : {}),
			config: wish.config,
		},
		command: ["berth", wish.start ? "launch" : "create",
			...(wish.pool ? ["--pool", wish.pool] : []),
			...(wish.network !== undefined ? ["--set", `network=${wish.network}`] : []),
			...Object.entries(wish.config).flatMap(([key, value]) => ["--set", `${key}=${value}`]),
			template, name],
	}),
	set: (name, changes, tag) => ({
		method: "PATCH",
		path: machine(name),
		tag,
		body: { config: changes },
		command: ["berth", "set", name, ...Object.entries(changes).map(([key, value]) => `${key}=${value}`)],
	}),
	shell: (name) => ({
		method: "POST",
		path: `${machine(name)}/exec`,
		body: { terminal: true },
		command: ["berth", "shell", name],
	}),
	desktop: (name, viewOnly, client) => ({
		method: "POST",
		path: `${machine(name)}/desktop`,
		body: viewOnly ? { view_only: true } : { client },
		command: ["berth", "desktop", ...(viewOnly ? ["--view-only"] : []), name],
	}),
	sound: (name) => ({
		method: "POST",
		path: `${machine(name)}/desktop`,
		body: { sound: true },
		command: ["berth", "desktop", "--sound", name],
	}),
};

/** Why a name cannot be that of a machine or a snapshot; "" if it can. */
export function nameFault(name) {
	if (!name)
		return "A name is needed.";
	if (!/^[a-z0-9]([a-z0-9-]*[a-z0-9])?$/.test(name) || name.length > 63)
		return "Small letters, digits and hyphens, at most 63, with no hyphen at either end.";
	return "";
}

// SPDX-License-Identifier: GPL-2.0-or-later
// A new machine from a template: choose one, give a name, create. Its page opens when it is there.
import { h, replace } from "./dom.js";
import { look } from "./api.js";
import { size } from "./format.js";
import { checkbox, commandBox, emptyBox, faultBox, field } from "./dialog.js";
import { card, heading } from "./parts.js";
import { nameFault, requests } from "./requests.js";
import { run } from "./operations.js";
import { store } from "./store.js";

function templateChoice(template, checked, onchange) {
	const input = h("input", { type: "radio", name: "template", value: template.name, checked });
	input.addEventListener("change", onchange);
	const what = [template.distribution, template.release].filter(Boolean).join(" ") || template.description || "";
	return h("label", { class: "choice" }, input, h("span", { class: "choice-words" }, h("strong", {}, template.name),
		h("span", { class: "hint" }, [what, template.arch, template.size ? size(template.size) : ""].filter(Boolean).join(" · "))));
}

function freeName(template) {
	const base = template.toLowerCase().replace(/[^a-z0-9-]+/g, "-").replace(/^-+|-+$/g, "").slice(0, 50) || "machine";
	for (let number = 1; ; number++) {
		if (!store.machines.has(`${base}-${number}`))
			return `${base}-${number}`;
	}
}

const chooser = (list, first) => h("select", {}, h("option", { value: "" }, first), list.map((one) => h("option", { value: one.name }, one.name)));

function form(templates, pools, networks) {
	const name = h("input", { type: "text", autocomplete: "off", spellcheck: "false", autocapitalize: "off" });
	const nameBox = field("Name", name, "It is its host name, too: small letters, digits and hyphens.");
	const memory = h("input", { type: "text", autocomplete: "off", placeholder: "no limit" });
	const memoryBox = field("Memory", memory, "At most, such as 2G.");
	const cpus = h("input", { type: "text", autocomplete: "off", placeholder: "no limit" });
	const cpusBox = field("Processors", cpus, "At most, such as 1.5.");
	const pool = chooser(pools, "the default one"), network = chooser(networks, "the default one");
	network.append(h("option", { value: "-" }, "none"));
	const start = checkbox("Start it at once", true, () => update());
	let proposed = "";
	const template = () => box.querySelector("input[name=template]:checked")?.value ?? templates[0].name;
	const wish = () => ({
		start: start.input.checked,
		pool: pool.value,
		network: network.value === "" ? undefined : network.value === "-" ? "" : network.value,
		config: { ...(memory.value.trim() ? { "limits.memory": memory.value.trim() } : {}), ...(cpus.value.trim() ? { "limits.cpus": cpus.value.trim() } : {}) },
	});
	const request = () => requests.create(template(), name.value.trim(), wish());
	const chosen = () => {
		if (name.value === proposed)
			name.value = proposed = freeName(template());
		update();
	};
	const command = commandBox([]), create = h("button", { type: "submit", class: "primary" }, "Create machine");
	const box = h("form", { class: "new", novalidate: true },
		h("fieldset", { class: "card" }, h("legend", {}, "Template"), h("div", { class: "choices" }, templates.map((one, i) => templateChoice(one, i === 0, chosen)))),
		card("Machine", nameBox, start.box),
		h("details", { class: "card" }, h("summary", {}, "More: limits, pool, network"), h("div", { class: "two" }, memoryBox, cpusBox, field("Pool", pool), field("Network", network))),
		h("div", { class: "finish" }, h("p", { class: "same" }, "The same on the command line:"), command, h("div", { class: "buttons" }, h("a", { class: "button", href: "#/machines" }, "Cancel"), create)));
	const update = () => command.set(request().command);
	const faults = () => {
		const given = name.value.trim();
		nameBox.setFault(nameFault(given) || (store.machines.has(given) ? `There is a machine ${given} already.` : ""));
		memoryBox.setFault(/^(\d+(\.\d+)?[KMGT]?)?$/.test(memory.value.trim()) ? "" : "A number with K, M, G or T.");
		cpusBox.setFault(/^(\d+(\.\d+)?)?$/.test(cpus.value.trim()) ? "" : "A number, such as 1.5.");
		return box.querySelector("[aria-invalid=true]");
	};
	box.addEventListener("input", update);
	box.addEventListener("submit", async (event) => {
		event.preventDefault();
		const fault = faults();
		if (fault) {
			fault.closest("details")?.setAttribute("open", "");
			fault.focus();
			return;
		}
		const given = name.value.trim();
		create.disabled = true;
		const done = await run(request(), `Create ${given}`, `${given} was created`);
		create.disabled = false;
		if (done && box.isConnected)
			location.hash = `#/machines/${encodeURIComponent(given)}`;
	});
	chosen();
	return box;
}

export function showNew(main) {
	const room = h("div", {}), ending = new AbortController();
	const load = async () => {
		try {
			const [templates, pools, networks] = await Promise.all(["templates", "pools", "networks"].map((what) => look(`/${what}?recursion=1`, ending.signal)));
			const usable = templates.filter((template) => template.state !== "broken");
			replace(room, usable.length ? form(usable, pools, networks) : emptyBox("There are no templates yet. One is made on the command line:", commandBox(["berth", "template", "build", "debian"])));
		} catch (failure) {
			if (failure.name !== "AbortError")
				replace(room, faultBox(failure, load));
		}
	};
	main.append(heading("New machine"), room);
	load();
	return { title: "New machine", close: () => ending.abort() };
}

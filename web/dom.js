// SPDX-License-Identifier: GPL-2.0-or-later
// Elements. Data becomes text nodes and attributes alone, never markup, so that no name or log line can act.

const svgSpace = "http://www.w3.org/2000/svg";

function fill(element, properties, children) {
	for (const [name, value] of Object.entries(properties ?? {})) {
		if (name.startsWith("on"))
			element.addEventListener(name.slice(2), value);
		else if (value === true)
			element.setAttribute(name, "");
		else if (value !== false && value !== null && value !== undefined)
			element.setAttribute(name, String(value));
	}
	add(element, children);
	return element;
}

/** Adds children: nodes, texts, lists of them; null and false are nothing. */
export function add(element, ...children) {
	for (const child of children.flat(Infinity)) {
		if (child !== null && child !== undefined && child !== false)
			element.append(child instanceof Node ? child : String(child));
	}
	return element;
}

/** h("p", { class: "note", onclick: f }, "text", child) */
export function h(tag, properties, ...children) {
	return fill(document.createElement(tag), properties, children);
}

/** The same for a part of a drawing. */
export function s(tag, properties, ...children) {
	return fill(document.createElementNS(svgSpace, tag), properties, children);
}

export function replace(element, ...children) {
	element.replaceChildren();
	return add(element, children);
}

export function setText(element, text) {
	if (element.textContent !== text)
		element.textContent = text;
}

/** Sets or removes an attribute, only if it changes. */
export function setAttribute(element, name, value) {
	if (value === null || value === undefined || value === false)
		element.removeAttribute(name);
	else if (element.getAttribute(name) !== String(value))
		element.setAttribute(name, String(value));
}

const shapes = {
	play: "M5 3.500v9l7.500-4.500z",
	stop: "M4 4h8v8H4z",
	pause: "M4 3.500h2.800v9H4zM9.200 3.500H12v9H9.200z",
	restart: "M8 2.500a5.500 5.500 0 1 0 5.300 4h-1.700A3.900 3.900 0 1 1 8 4.100c1 0 1.900.4 2.600 1L8.700 7H14V1.700l-2.200 2.200A5.500 5.500 0 0 0 8 2.500z",
	more: "M3.500 6.700a1.300 1.300 0 1 1 0 2.600 1.300 1.300 0 0 1 0-2.600zM8 6.700a1.300 1.300 0 1 1 0 2.600 1.300 1.300 0 0 1 0-2.600zM12.500 6.700a1.300 1.300 0 1 1 0 2.600 1.300 1.300 0 0 1 0-2.600z",
	plus: "M7.200 3h1.600v4.200H13v1.600H8.800V13H7.200V8.800H3V7.200h4.200z",
	copy: "M5 2h8v9h-2v3H3V5h2zm1.500 3H11v4.500h.5v-6h-5zM4.500 6.500v6h5v-6z",
	machines: "M2 3h12v4H2zm0 6h12v4H2zm2-4.700v1.400h1.600V4.300zm0 6v1.400h1.600v-1.400z",
	pools: "M8 2c3.300 0 6 .9 6 2v8c0 1.100-2.700 2-6 2s-6-.9-6-2V4c0-1.100 2.700-2 6-2zm0 1.400c-2.400 0-4.100.5-4.500.8.4.300 2.100.8 4.500.8s4.100-.5 4.500-.8c-.4-.3-2.100-.8-4.500-.8zM3.500 6v2c.5.4 2.200.9 4.500.9s4-.5 4.500-.9V6c-1.100.4-2.700.6-4.500.6S4.600 6.400 3.500 6zm0 3.900V12c.5.4 2.200.8 4.500.8s4-.4 4.500-.8V9.900c-1.100.4-2.700.6-4.500.6s-3.400-.2-4.500-.6z",
	networks: "M6 2h4v4H8.700v1.300H13V10h1v4h-4v-4h1.600V8.700H4.400V10H6v4H2v-4h1V7.300h4.300V6H6z",
	doctor: "M6.500 2h3v4.500H14v3H9.500V14h-3V9.500H2v-3h4.500z",
};

/** A small drawing that says nothing by itself. */
export function icon(name) {
	return s("svg", { viewBox: "0 0 16 16", class: "icon", "aria-hidden": "true", focusable: "false" },
		s("path", { d: shapes[name] }));
}

/** A button with a drawing and words; quiet: the words are for screen readers and as a hint. */
export function iconButton(name, words, properties, quiet) {
	return h("button", { type: "button", title: quiet ? words : null, ...properties }, icon(name),
		h("span", { class: quiet ? "unseen" : "words" }, words));
}

// SPDX-License-Identifier: GPL-2.0-or-later
// Choices that this browser keeps.

export function kept(name, fallback) {
	try {
		return localStorage.getItem(name) ?? fallback;
	} catch {
		return fallback;
	}
}

export function keep(name, value) {
	try {
		localStorage.setItem(name, value);
	} catch {
		// Without a store it counts until the page is closed.
	}
}

// SPDX-License-Identifier: GPL-2.0-or-later
// Requests to the API, and operations that go on.

/** A failure, with the sentence that the command line prints. */
export class Failure extends Error {
	constructor(status, body) {
		super(body?.error ?? `the server answered with status ${status}`);
		this.status = status;
		this.code = body?.code ?? "";
	}
}

export const signedOut = new EventTarget();

async function failureOf(response) {
	let body = null;
	try {
		body = await response.json();
	} catch {
		// What stands between page and server may answer with anything.
	}
	if (response.status === 401)
		signedOut.dispatchEvent(new Event("signed-out"));
	return new Failure(response.status, body);
}

async function ask(method, path, body, headers, signal) {
	const options = { method, signal, credentials: "same-origin", cache: "no-store", headers: { ...headers } };
	if (body !== undefined) {
		options.body = JSON.stringify(body);
		options.headers["Content-Type"] = "application/json";
	}
	let response;
	try {
		response = await fetch(`/1.0${path}`, options);
	} catch (error) {
		if (error.name === "AbortError")
			throw error;
		throw new Failure(0, { error: "the server cannot be reached; it may be restarting" });
	}
	if (!response.ok)
		throw await failureOf(response);
	return response;
}

/** The metadata of an object or a list. */
export async function look(path, signal) {
	return (await (await ask("GET", path, undefined, {}, signal)).json()).metadata;
}

/** The same with the ETag of its settings. */
export async function lookWithTag(path, signal) {
	const response = await ask("GET", path, undefined, {}, signal);
	return { metadata: (await response.json()).metadata, tag: response.headers.get("ETag") };
}

/** Ends the session of this browser. */
export async function signOut() {
	try {
		await fetch("/sign-out", { method: "POST", credentials: "same-origin" });
	} finally {
		signedOut.dispatchEvent(new Event("signed-out"));
	}
}

/** A response whose body is no JSON. */
export function open(path, signal) {
	return ask("GET", path, undefined, {}, signal);
}

/** Sends a file as octets, and tells the share that has gone: no request of fetch does. */
export function upload(path, file, tell) {
	return new Promise((resolve, reject) => {
		const request = new XMLHttpRequest();
		request.open("PUT", `/1.0${path}`);
		request.setRequestHeader("Content-Type", "application/octet-stream");
		request.responseType = "json";
		request.upload.addEventListener("progress", (event) => event.total && tell(event.loaded / event.total));
		request.addEventListener("error", () => reject(new Failure(0, { error: "the server cannot be reached, or does not take the file" })));
		request.addEventListener("abort", () => reject(new Failure(0, { error: "it was broken off" })));
		request.addEventListener("load", () => {
			if (request.status === 401)
				signedOut.dispatchEvent(new Event("signed-out"));
			if (request.status >= 200 && request.status < 300)
				resolve(request.response ?? {});
			else
				reject(new Failure(request.status, request.response));
		});
		request.send(file);
	});
}

/** Sends a request that changes something: { metadata, operation, notes }. */
export async function send(request) {
	const headers = request.tag ? { "If-Match": request.tag } : {};
	return (await ask(request.method, request.path, request.body, headers)).json();
}

/** Waits for an operation, and tells its progress: the final state, or a Failure. */
export async function follow(path, tell) {
	const below = path.replace(/^\/1\.0/, "");
	for (let fast = 0; ; ) {
		let operation;
		try {
			operation = await look(fast ? `${below}/wait?timeout=10` : below);
			fast = 1;
		} catch (failure) {
			// The operation goes on while the server is started again.
			if (failure.status !== 0 && failure.status !== 503 && failure.status !== 504)
				throw failure;
			await new Promise((resume) => setTimeout(resume, 1000));
			continue;
		}
		if (operation.status_code >= 400)
			throw new Failure(operation.status_code, { error: operation.error || "it was cancelled", code: operation.code });
		if (operation.status_code >= 200)
			return operation;
		tell(operation);
	}
}

// SPDX-License-Identifier: GPL-2.0-or-later
// Plays samples as they come: 16 bits, little-endian, two channels, 48000 a second. What comes late is not made up for:
// more than a fifth of a second that waits is cut down.

const first = 1920, most = 9600, room = 48000;

class Samples extends AudioWorkletProcessor {
	constructor() {
		super();
		this.left = new Float32Array(room);
		this.right = new Float32Array(room);
		this.start = this.count = this.rounds = 0;
		this.told = { played: 0, dropped: 0, empty: 0, waiting: 0, loud: 0 };
		this.playing = false;
		this.port.onmessage = ({ data }) => this.take(data);
	}

	take(bytes) {
		const view = new DataView(bytes), frames = Math.min(view.byteLength >> 2, room - this.count);
		this.told.dropped += (view.byteLength >> 2) - frames;
		for (let i = 0; i < frames; i++) {
			const to = (this.start + this.count + i) % room;
			this.left[to] = view.getInt16(4 * i, true) / 32768;
			this.right[to] = view.getInt16(4 * i + 2, true) / 32768;
		}
		this.count += frames;
		if (this.count > most) {
			const cut = this.count - first;
			this.told.dropped += cut;
			this.start = (this.start + cut) % room;
			this.count = first;
		}
	}

	process(inputs, [[left, right]]) {
		if (!this.playing && this.count >= first)
			this.playing = true;
		if (this.playing && this.count < left.length) {
			this.playing = false;
			this.told.empty++;
		}
		for (let i = 0; this.playing && i < left.length; i++) {
			left[i] = this.left[this.start];
			right[i] = this.right[this.start];
			if (Math.abs(left[i]) > 0.01)
				this.told.loud++;
			this.start = (this.start + 1) % room;
		}
		if (this.playing) {
			this.count -= left.length;
			this.told.played += left.length;
		}
		if (++this.rounds % 64 === 0)
			this.port.postMessage({ ...this.told, waiting: this.count });
		return true;
	}
}

registerProcessor("samples", Samples);

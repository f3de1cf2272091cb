// Frames of a video on their way to the server, and their pictures until the answers come.

const RATE = 15; // frames a second that are sent at most
const WIDTH = 640; // pixels of the frames that are sent, at most
const QUALITY = 0.85;
const IN_FLIGHT = 2; // frames that wait for their answer
const SILENCE_MS = 5000; // a frame without an answer for so long was dropped

export class Frames {
  #video;
  #openSocket;
  #everyRound;
  // Pictures of the frames that wait, and one more.
  #grabs = Array.from({ length: IN_FLIGHT + 1 }, () => document.createElement("canvas"));
  #sent = new Map(); // frames that wait for their answer, by their times: {start, grab}
  #last = 0;

  /** `openSocket` gives the socket while there is one and a camera. `everyRound` gets the time. */
  constructor(video, openSocket, everyRound = () => {}) {
    this.#video = video;
    this.#openSocket = openSocket;
    this.#everyRound = everyRound;
  }

  /** Send frames from now on, until there is no socket any more. */
  run() {
    if (!this.#openSocket()) return;
    const now = performance.now();
    const isDue = now - this.#last >= 1000 / RATE - 4;
    if (isDue && this.#sent.size < IN_FLIGHT && this.#video.videoWidth) this.#send(now);
    for (const [time, { start }] of this.#sent) if (now - start > SILENCE_MS) this.#sent.delete(time);
    this.#everyRound(now);
    setTimeout(() => this.run(), isDue ? 1000 / RATE / 4 : 1000 / RATE / 8);
  }

  #send(now) {
    this.#last = now;
    const { videoWidth, videoHeight } = this.#video;
    const grab = this.#grabs.find((one) => ![...this.#sent.values()].some((frame) => frame.grab === one));
    grab.width = Math.min(WIDTH, videoWidth);
    grab.height = Math.round((grab.width * videoHeight) / videoWidth / 2) * 2;
    grab.getContext("2d").drawImage(this.#video, 0, 0, grab.width, grab.height);
    const time = now / 1000;
    this.#sent.set(time, { start: now, grab });
    grab.toBlob(async (blob) => {
      const data = new Uint8Array(8 + blob.size);
      new DataView(data.buffer).setFloat64(0, time, true);
      data.set(new Uint8Array(await blob.arrayBuffer()), 8);
      this.#openSocket()?.send(data);
    }, "image/jpeg", QUALITY);
  }

  /** Return {start, grab} of a frame whose answer has come, if it still waits. */
  take(time) {
    const frame = this.#sent.get(time);
    this.#sent.delete(time);
    return frame;
  }

  /** Wait for no answer any more. */
  forget() {
    this.#sent.clear();
  }
}

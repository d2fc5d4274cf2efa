// The camera's pictures go to the server, one at a time: the next one when the last was acknowledged.
const LONGEST = 640; // of a picture's sides, in pixels
const QUALITY = 0.85;

/** Open the camera, or throw an Error that says in words why there is none. */
export async function openCamera() {
  if (!navigator.mediaDevices?.getUserMedia) {
    throw new Error("The browser gives the camera to pages of this machine (127.0.0.1) or https only: see docs/live.md.");
  }
  try {
    const wanted = { width: { ideal: 640 }, height: { ideal: 480 }, frameRate: { ideal: 30 }, facingMode: "user" };
    return await navigator.mediaDevices.getUserMedia({ video: wanted, audio: false });
  } catch (error) {
    if (error.name === "NotAllowedError") throw new Error("The browser may not use the camera: allow it beside the address, and start again.");
    if (error.name === "NotFoundError" || error.name === "OverconstrainedError") throw new Error("No camera found. Connect one, or play a clip.");
    if (error.name === "NotReadableError") throw new Error("The camera is in use by another program: close it, and start again.");
    throw new Error(`The camera does not start (${error.message}).`);
  }
}

function nextPicture(video) {
  return new Promise((done) => video.requestVideoFrameCallback ? video.requestVideoFrameCallback(done) : setTimeout(done, 33));
}

export class Live {
  /**
   * @param {MediaStream} stream of the camera
   * @param {{frame: Function, answer: Function, closed: Function}} told frame(message, canvas), answer(message), closed(reason)
   */
  constructor(stream, told) {
    this.told = told;
    this.stream = stream;
    this.video = Object.assign(document.createElement("video"), { srcObject: stream, muted: true, playsInline: true });
    // One picture is with the server while the next one is made in the other canvas.
    this.free = [document.createElement("canvas"), document.createElement("canvas")];
    this.ready = this.sent = null;
    this.making = false;
    stream.getVideoTracks()[0].onended = () => this.stop("The camera was disconnected.");
    const address = new URL("live", location.href);
    address.protocol = address.protocol.replace("http", "ws");
    this.socket = new WebSocket(address);
    this.socket.onopen = () => this.video.play().then(() => this.make(), () => this.stop("The camera gives no picture."));
    this.socket.onmessage = (event) => this.receive(JSON.parse(event.data));
    this.socket.onclose = (event) => this.stop(event.reason || "The server has gone: start it again, and open its new address.");
  }

  /** Make the next picture, unless one waits already. */
  async make() {
    if (this.making || this.ready || !this.free.length) return;
    this.making = true;
    await nextPicture(this.video);
    const canvas = this.free.pop();
    const at = performance.now();
    const scale = Math.min(1, LONGEST / Math.max(this.video.videoWidth, this.video.videoHeight));
    canvas.width = Math.round(this.video.videoWidth * scale);
    canvas.height = Math.round(this.video.videoHeight * scale);
    canvas.getContext("2d").drawImage(this.video, 0, 0, canvas.width, canvas.height);
    const jpeg = await new Promise((done) => canvas.toBlob(done, "image/jpeg", QUALITY));
    this.ready = { canvas, at, jpeg };
    this.making = false;
    if (!this.sent) this.send();
  }

  send() {
    if (!this.stream) return;
    this.sent = this.ready;
    this.ready = null;
    this.socket.send(new Blob([time(this.sent.at), this.sent.jpeg]));
    this.make();
  }

  receive(message) {
    if (message.type === "answer") return this.told.answer(message);
    const { canvas } = this.sent;
    this.sent = null;
    if (message.decoded) this.told.frame(message, canvas);
    this.free.push(canvas);
    if (this.ready) this.send();
    else this.make();
  }

  /** `begin` or `end` a sign. */
  command(word) {
    if (this.socket.readyState === WebSocket.OPEN) this.socket.send(word);
  }

  stop(reason = "") {
    if (!this.stream) return;
    this.stream.getTracks().forEach((track) => track.stop());
    this.stream = null;
    this.socket.close();
    this.told.closed(reason);
  }
}

function time(at) {
  const view = new DataView(new ArrayBuffer(8));
  view.setFloat64(0, at, true);
  return view.buffer;
}

// A clip is looked at by the server as a whole, and its skeletons are then played over it.
import { draw } from "./draw.js";

/** Send a file; return the server's answer, or throw an Error that says why there is none. */
export async function ask(file) {
  let response;
  try {
    response = await fetch("clip", { method: "POST", body: file });
  } catch {
    throw new Error("The server has gone: start it again, and open its new address.");
  }
  if (response.headers.get("content-type") !== "application/json") throw new Error(`The server does not take it (${response.status}).`);
  const answer = await response.json();
  if (!response.ok) throw new Error(answer.reason);
  return answer;
}

/** Play skeletons once, over the file where the browser can play it. Returns a function that stops it. */
export async function play(file, answer, canvas) {
  if (!answer.skeletons.length) return () => {};
  const video = Object.assign(document.createElement("video"), { muted: true, playsInline: true, src: URL.createObjectURL(file) });
  const playable = await new Promise((done) => {
    video.onloadeddata = () => done(video.videoWidth > 0);
    video.onerror = () => done(false);
  });
  if (playable) await video.play();
  const began = performance.now();
  let going = true;
  function step() {
    const at = playable ? 1000 * video.currentTime : performance.now() - began;
    const place = answer.skeletons.findLastIndex((one) => one.at <= at);
    draw(canvas, playable ? video : null, answer.width, answer.height, answer.skeletons[Math.max(0, place)]);
    if (going && place < answer.skeletons.length - 1 && !video.ended) requestAnimationFrame(step);
    else URL.revokeObjectURL(video.src);
  }
  step();
  return () => { going = false; };
}

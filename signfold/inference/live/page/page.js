import { ask, play } from "./clip.js";
import { draw } from "./draw.js";
import { Live, openCamera } from "./live.js";

const $ = (id) => document.getElementById(id);
const FEW_FRAMES = 15; // without a person, or hands, before it is said
const MOST_HISTORY = 200;
const percent = (share) => `${(100 * share).toFixed(share > 0.9995 || share < 0.1 ? 1 : 0)} %`;

let live = null;
let stopClip = () => {};
let byKey = false;
let signing = false;
let [nobody, noHands] = [0, 0];
let shown = []; // times of the last frames

function notice(text) {
  if ($("notice").textContent !== text) $("notice").textContent = text;
}

function element(tag, text, kind = "") {
  return Object.assign(document.createElement(tag), { textContent: text, className: kind });
}

function showAnswer(answer, source) {
  const best = answer.signs[0];
  const word = !best ? "no answer" : answer.known ? best.gloss : "unknown";
  $("best").textContent = word;
  $("best").className = best && answer.known ? "" : "unknown";
  const below = `No sign reaches ${percent(about.threshold)}: perhaps none that the model knows.`;
  $("reason").textContent = !best ? `${answer.status.replace("_", " ")}: ${answer.reason}` : answer.known ? answer.reason ?? "" : below;
  $("signs").replaceChildren(...answer.signs.map((sign) => {
    const row = document.createElement("li");
    const bar = Object.assign(document.createElement("meter"), { max: 1, value: sign.probability });
    bar.setAttribute("aria-hidden", "true");
    row.append(element("span", sign.gloss), element("span", percent(sign.probability), "percent"), bar);
    return row;
  }));
  const row = document.createElement("li");
  const facts = [best ? percent(best.probability) : "", source, new Date().toLocaleTimeString()].filter(Boolean);
  row.append(element("span", word), element("span", facts.join(" · "), "percent"));
  $("history").prepend(row);
  while ($("history").children.length > MOST_HISTORY) $("history").lastChild.remove();
  $("clear").hidden = false;
}

function setSigning(now) {
  signing = now;
  byKey &&= now;
  $("signing").hidden = !now;
  $("sign").firstChild.textContent = now ? "End the sign " : "Begin a sign ";
}

function showFrame(message, picture) {
  draw($("view"), picture, picture.width, picture.height, message);
  if (message.signing !== signing) setSigning(message.signing);
  const hands = message.left_hand || message.right_hand;
  nobody = message.pose || hands ? 0 : nobody + 1;
  noHands = message.signing && !hands ? noHands + 1 : 0;
  if (nobody >= FEW_FRAMES) notice("Nobody is seen: step before the camera, with light from the front.");
  else if (noHands >= FEW_FRAMES) notice("No hands are seen: keep them in the picture.");
  else notice("");
  const now = performance.now();
  shown = [...shown.filter((time) => now - time < 2000), now];
  if (shown.length > 2) $("fps").textContent = ((shown.length - 1) / ((now - shown[0]) / 1000)).toFixed(1);
  $("track").textContent = `${(message.ms.decode + message.ms.track).toFixed(0)} ms`;
}

function liveAnswer(message) {
  $("latency").textContent = `${(performance.now() - message.ended).toFixed(0)} ms`;
  showAnswer(message, "");
}

function closed(reason) {
  live = null;
  setSigning(false);
  shown = [];
  $("camera").textContent = "Start the camera";
  $("sign").disabled = true;
  $("fps").textContent = "–";
  notice(reason || "Start the camera, or play a clip.");
}

async function toggleCamera() {
  if (live) return live.stop();
  stopClip();
  notice("The camera starts …");
  $("camera").disabled = true;
  try {
    live = new Live(await openCamera(), { frame: showFrame, answer: liveAnswer, closed });
    $("view").classList.add("mirrored");
    $("camera").textContent = "Stop the camera";
    $("sign").disabled = false;
    $("sign").focus(); // so that the space bar does not stop the camera
    [nobody, noHands] = [0, 0];
  } catch (error) {
    notice(error.message);
  }
  $("camera").disabled = false;
}

function toggleSign() {
  if (!live) return;
  byKey = !signing;
  live.command(byKey ? "begin" : "end");
  setSigning(byKey);
}

async function playClip() {
  const [file] = $("clip").files;
  if (!file) return;
  live?.stop();
  stopClip();
  $("clip").value = "";
  notice(`${file.name} is being looked at …`);
  try {
    if (file.size > about.most_bytes) throw new Error(`${file.name} has more than ${about.most_bytes / 2 ** 20} MiB: cut it.`);
    const answer = await ask(file);
    notice("");
    $("view").classList.remove("mirrored");
    showAnswer(answer, file.name);
    stopClip = await play(file, answer, $("view"));
  } catch (error) {
    notice(error.message);
  }
}

$("camera").onclick = toggleCamera;
$("sign").onclick = toggleSign;
$("clip").onchange = playClip;
$("clear").onclick = () => { $("history").replaceChildren(); $("clear").hidden = true; };
document.addEventListener("keydown", (event) => {
  // On a button, the space bar is the button's.
  if (event.code !== "Space" || event.repeat || event.target.closest("button, input, summary")) return;
  event.preventDefault();
  toggleSign();
});

const about = await (await fetch("about")).json();
$("model").textContent = `${about.name}: ${about.glosses.length} signs`;
$("glosses").textContent = about.glosses.join(", ");

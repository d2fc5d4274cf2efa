// The skeleton over a picture. Joints are MediaPipe's, by number.
const BODY = [[11, 12], [11, 13], [13, 15], [12, 14], [14, 16], [11, 23], [12, 24], [23, 24]];
const FINGERS = [0, 1, 2, 3, 4].flatMap((finger) => {
  const first = 1 + 4 * finger;
  return [[finger < 2 ? 0 : first - 4, first], [first, first + 1], [first + 1, first + 2], [first + 2, first + 3]];
}).concat([[0, 17]]);
const VISIBLE = 0.5;

function lines(context, joints, pairs, colour, width) {
  const { width: across, height: down } = context.canvas;
  context.strokeStyle = context.fillStyle = colour;
  context.lineWidth = width;
  context.lineCap = "round";
  for (const [from, to] of pairs) {
    const [a, b] = [joints[from], joints[to]];
    if ((a[2] ?? 1) < VISIBLE || (b[2] ?? 1) < VISIBLE) continue;
    context.beginPath();
    context.moveTo(a[0] * across, a[1] * down);
    context.lineTo(b[0] * across, b[1] * down);
    context.stroke();
  }
}

/** Draw a picture (or none) that fills the canvas, and what was found in it. */
export function draw(canvas, picture, width, height, found) {
  if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, { width, height });
  const context = canvas.getContext("2d");
  context.fillStyle = "#101214";
  context.fillRect(0, 0, width, height);
  if (picture) context.drawImage(picture, 0, 0, width, height);
  if (!found) return;
  const unit = Math.max(width, height) / 320;
  if (found.pose) lines(context, found.pose, BODY, "#ffffffcc", 1.6 * unit);
  if (found.left_hand) lines(context, found.left_hand, FINGERS, "#ffb454", 1.3 * unit);
  if (found.right_hand) lines(context, found.right_hand, FINGERS, "#4fd6c4", 1.3 * unit);
}

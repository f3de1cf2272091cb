// Hands as skeletons over the picture of the camera.

const BONES = [
  [0, 1], [1, 2], [2, 3], [3, 4], [0, 5], [5, 6], [6, 7], [7, 8], [5, 9], [9, 10], [10, 11],
  [11, 12], [9, 13], [13, 14], [14, 15], [15, 16], [13, 17], [0, 17], [17, 18], [18, 19], [19, 20],
];
const COLOURS = { left: "#ff8c00", right: "#00aaff" };

/** Draw hands, whose points are shares of the picture, into a canvas of the picture's size, over `picture` if there is one. */
export function drawHands(canvas, hands, width, height, picture = null) {
  if (canvas.width !== width || canvas.height !== height) {
    canvas.width = width;
    canvas.height = height;
  }
  const context = canvas.getContext("2d");
  context.clearRect(0, 0, width, height);
  if (picture) context.drawImage(picture, 0, 0, width, height);
  context.lineCap = "round";
  const thick = Math.max(2, Math.min(width, height) / 130);

  for (const hand of hands) {
    const points = hand.points.map(([x, y]) => [x * width, y * height]);
    context.strokeStyle = COLOURS[hand.side];
    context.lineWidth = thick;
    context.beginPath();
    for (const [a, b] of BONES) {
      context.moveTo(...points[a]);
      context.lineTo(...points[b]);
    }
    context.stroke();
    for (const [x, y] of points) {
      context.beginPath();
      context.arc(x, y, thick, 0, 2 * Math.PI);
      context.fillStyle = "#ffffff";
      context.fill();
      context.stroke();
    }
  }
}

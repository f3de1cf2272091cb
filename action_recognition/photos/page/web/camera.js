"use strict";
// The camera of the browser, and what to do where it is refused.

const REASONS = {
  NotAllowedError: "the browser was not allowed to use it. Allow the camera in the settings of this site, or choose a photo",
  NotFoundError: "there is none. Plug one in, or choose a photo",
  OverconstrainedError: "there is none that fits. Choose a photo",
  NotReadableError: "another program uses it. Close that, or choose a photo",
  NotSecureError: "browsers give it to https pages and to localhost only. Choose a photo",
};

/** {stop}: the video element then shows the camera. */
export async function startCamera(video) {
  if (!navigator.mediaDevices) throw new DOMException("", "NotSecureError");
  const wanted = { video: { facingMode: "user", width: { ideal: 640 }, height: { ideal: 480 } } };
  const stream = await navigator.mediaDevices.getUserMedia(wanted);
  video.srcObject = stream;
  await video.play();
  return {
    stop() {
      for (const track of stream.getTracks()) track.stop();
      video.srcObject = null;
    },
  };
}

export function cameraProblem(error) {
  return `No camera: ${REASONS[error.name] || `${error.name} ${error.message}`}`;
}

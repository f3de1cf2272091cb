"use strict";
// The camera of the browser, and advice if it is refused.

const REASONS = {
  NotAllowedError: "the browser may not use it. Allow the camera in the settings of this site, or choose a photo",
  NotFoundError: "there is none. Plug one in, or choose a photo",
  OverconstrainedError: "there is none that fits. Choose a photo",
  NotReadableError: "another program is using it. Close that program, or choose a photo",
  NotSecureError: "browsers allow it only for https pages and localhost. Choose a photo",
};

/** Show the camera in the video element. Return {stop}. */
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

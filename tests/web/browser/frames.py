"""Scripts that ask a page in a browser which frames its two videos show."""

from __future__ import annotations

VIDEOS = "[...document.querySelectorAll('.side video')]"
ARE_READY = f"() => {VIDEOS}.filter((video) => video.readyState > 2).length === 2"
# Notes of each frame which video has shown it, and when it is seen.
WATCH_FRAMES = """() => {
  globalThis.shown = [];
  for (const video of document.querySelectorAll(".side video")) {
    const side = video.closest(".side").dataset.side;
    const note = (_now, frame) => {
      shown.push([side, frame.expectedDisplayTime / 1000, frame.mediaTime]);
      video.requestVideoFrameCallback(note);
    };
    video.requestVideoFrameCallback(note);
  }
}"""

// Keeps two videos in step, to one frame: the longer one leads, the other is led by small changes
// of its speed and, where it is far off, by a seek. Knows nothing of what the page looks like.

const USUAL_RATE = 30; // frames a second, until the video has shown its own
const FAR_S = 0.15;
const MOST_BEND = 0.12; // of the speed: too little to be heard
const READY = 2; // HAVE_CURRENT_DATA

export class InStep {
  /** `tell` hears of each frame and each change: `{time, duration, isPlaying, rate}`. */
  constructor(tell) {
    this.tell = tell;
    this.videos = [];
    this.range = null; // seconds, [from, to]
    this.isPlaying = false;
    this.rate = USUAL_RATE;
    this.last = new Map(); // of each video, the frame it has shown last
    this.shortest = Infinity; // seconds from one frame to the next
    this.isSeeking = false;
    this.ending = new AbortController();
  }

  /** Take these videos, in any order; ends with those of before. */
  take(videos) {
    this.ending.abort();
    this.ending = new AbortController();
    const { signal } = this.ending;
    this.isPlaying = false;
    this.videos = videos.filter(Boolean);
    this.last.clear();
    this.shortest = Infinity;
    for (const video of this.videos) {
      video.addEventListener("loadedmetadata", () => this.align(), { signal });
      video.addEventListener("ended", () => video === this.leader && this.turn(), { signal });
      this.follow(video, signal);
    }
    this.align();
  }

  get leader() {
    const longer = (best, video) => (known(video.duration) > known(best.duration) ? video : best);
    return this.videos.length ? this.videos.reduce(longer) : undefined;
  }

  get duration() {
    return known(this.leader?.duration);
  }

  get time() {
    return this.leader?.currentTime ?? 0;
  }

  align() {
    if (this.leader && !this.isPlaying) this.seek(this.time);
    this.report();
  }

  report(time = this.time) {
    this.tell({ time, duration: this.duration, isPlaying: this.isPlaying, rate: this.rate });
  }

  toggle() {
    return this.isPlaying ? this.pause() : this.play();
  }

  async play() {
    if (!this.leader) return;
    const [from, to] = this.range ?? [0, this.duration];
    const frame = 1 / this.rate;
    if (this.time < from || this.time >= to - frame) await this.seek(from);
    await Promise.all(this.videos.map(waitUntilReady));
    this.isPlaying = true;
    this.last.clear();
    const running = this.videos.filter((video) => this.time < known(video.duration) - frame);
    await Promise.all(running.map((video) => video.play().catch(() => {})));
    this.report();
  }

  pause() {
    this.isPlaying = false;
    for (const video of this.videos) {
      video.pause();
      video.playbackRate = 1;
    }
    return this.seek(this.time);
  }

  /** Go to a moment, to the middle of its frame, so that both show the same one. */
  async seek(time) {
    const frame = 1 / this.rate;
    const last = Math.max(0, Math.round(this.duration * this.rate) - 1);
    const number = Math.max(0, Math.min(last, Math.floor(time * this.rate + 0.01)));
    this.isSeeking = true;
    await Promise.all(this.videos.map((video) => seekTo(video, (number + 0.5) * frame)));
    this.isSeeking = false;
    this.report();
  }

  /** One frame on, or back. */
  async step(frames) {
    if (this.isPlaying) await this.pause();
    await this.seek(this.time + frames / this.rate);
  }

  /** Repeat a part, or with null the whole. */
  loop(range) {
    this.range = range && range[1] - range[0] > 1 / this.rate ? range : null;
    this.report();
  }

  /** Be heard from one of them only; null is silence. */
  hear(chosen) {
    for (const video of this.videos) video.muted = video !== chosen;
  }

  /** Look at each frame that a video shows. */
  follow(video, signal) {
    const look = (_now, shown) => {
      if (signal.aborted) return;
      this.see(video, shown);
      video.requestVideoFrameCallback(look);
    };
    video.requestVideoFrameCallback(look);
  }

  see(video, shown) {
    const before = this.last.get(video);
    this.last.set(video, shown);
    const leader = this.leader;
    if (before && shown.presentedFrames === before.presentedFrames + 1) {
      this.learnRate(shown.mediaTime - before.mediaTime);
    }
    if (video === leader) {
      this.report(shown.mediaTime);
      const isLast = this.range && shown.mediaTime >= this.range[1] - 1 / this.rate;
      if (this.isPlaying && isLast) this.turn();
    } else if (this.isPlaying && !this.isSeeking && this.last.has(leader)) {
      this.lead(video, this.last.get(leader), shown);
    }
  }

  /** Between two frames that are shown others may have dropped out: the nearest two count. */
  learnRate(apart) {
    const shortest = Math.min(apart, this.shortest);
    const rate = Math.round(1 / shortest);
    if (!this.isPlaying || rate < 8 || rate > 120) return;
    Object.assign(this, { shortest, rate });
  }

  lead(video, leading, shown) {
    const passed = (shown.expectedDisplayTime - leading.expectedDisplayTime) / 1000;
    const ahead = shown.mediaTime - (leading.mediaTime + passed);
    if (Math.abs(ahead) > FAR_S) {
      video.currentTime = this.leader.currentTime;
      video.playbackRate = 1;
    } else {
      const bend = Math.abs(ahead) < 0.2 / this.rate ? 0 : ahead * 3;
      video.playbackRate = 1 - Math.max(-MOST_BEND, Math.min(MOST_BEND, bend));
    }
  }

  /** From the end, or the end of the range, to its beginning. */
  async turn() {
    if (this.isSeeking || !this.isPlaying) return;
    this.isSeeking = true;
    for (const video of this.videos) video.pause();
    await this.seek(this.range?.[0] ?? 0);
    if (this.isPlaying) await this.play();
  }

  end() {
    this.ending.abort();
  }
}

function known(duration) {
  return Number.isFinite(duration) ? duration : 0;
}

function seekTo(video, time) {
  const wanted = Math.min(time, Math.max(0, known(video.duration) - 0.001));
  const isThere = Math.abs(video.currentTime - wanted) < 0.0005;
  if (video.readyState < 1 || isThere) return Promise.resolve();
  return new Promise((done) => {
    video.addEventListener("seeked", done, { once: true });
    video.addEventListener("error", done, { once: true });
    video.currentTime = wanted;
  });
}

function waitUntilReady(video) {
  if (video.readyState >= READY || video.error) return Promise.resolve();
  return new Promise((done) => {
    video.addEventListener("canplay", done, { once: true });
    video.addEventListener("error", done, { once: true });
  });
}

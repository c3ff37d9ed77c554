// Copies ids, plays previews, samples one at a time, asks again for late pictures. Everything else works without it.
"use strict";
const notice = document.getElementById("status");

if (navigator.clipboard && window.isSecureContext) {
  document.documentElement.classList.add("can-copy");
  document.addEventListener("click", async (event) => {
    const button = event.target.closest("[data-copy]");
    if (!button) return;
    const show = (label, text) => {
      button.dataset.shown = label;
      notice.textContent = text;
      setTimeout(() => delete button.dataset.shown, 2000);
    };
    try {
      await navigator.clipboard.writeText(button.dataset.copy);
      show("Copied", "Copied " + button.dataset.copy);
    } catch {
      show("Not copied", "Could not copy; select the id and copy it");
    }
  });
}

const still = matchMedia("(prefers-reduced-motion: reduce)");
let timer, video;
function stop() {
  clearTimeout(timer);
  video?.remove();
  video = undefined;
}

function play(link) {
  stop();
  if (still.matches || navigator.connection?.saveData) return;
  timer = setTimeout(() => {
    video = document.createElement("video");
    video.muted = video.loop = video.playsInline = true;
    video.src = link.dataset.video;
    video.addEventListener("error", stop);
    link.querySelector(".frame").append(video);
    video.play().catch(stop);
  }, 250);
}

for (const link of document.querySelectorAll("a[data-video]")) {
  link.addEventListener("pointerenter", (event) => event.pointerType === "touch" || play(link));
  link.addEventListener("pointerleave", stop);
  link.addEventListener("focus", () => link.matches(":focus-visible") && play(link));
  link.addEventListener("blur", stop);
}
const samples = document.querySelectorAll("audio");
for (const one of samples) one.onplay = () => samples.forEach((other) => other !== one && other.pause());
document.addEventListener("keydown", (event) => event.key === "Escape" && stop());
addEventListener("pagehide", stop);
for (const picture of document.querySelectorAll('img[src^="/preview/"]')) {
  const waits = [9000, 3000];
  picture.onerror = () => waits.length && setTimeout(() => (picture.src = picture.src), waits.pop());
  if (picture.complete && !picture.naturalWidth) picture.onerror();
}

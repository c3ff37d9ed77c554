// Copies ids, plays previews, samples one at a time, asks again for late pictures. Everything else works without it.
"use strict";
const notice = document.getElementById("status");

if (navigator.clipboard && window.isSecureContext) {
  document.documentElement.classList.add("can-copy");
  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-copy]");
    if (!button) return;
    const show = (label, text) => {
      button.dataset.shown = label;
      notice.textContent = text;
      setTimeout(() => delete button.dataset.shown, 2000);
    };
    const copied = navigator.clipboard.writeText(button.dataset.copy);
    const done = () => show("Copied", "Copied " + button.dataset.copy);
    copied.then(done, () => show("Not copied", "Could not copy; select the id and copy it"));
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
  if (still.matches || navigator.connection?.saveData || !link.dataset.video) return;
  timer = setTimeout(() => {
    video = document.createElement("video");
    video.muted = video.loop = video.playsInline = true;
    video.src = link.dataset.video;
    video.onerror = () => (stop(), link.removeAttribute("data-video"));
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
for (const one of document.querySelectorAll('img[src^="/preview/"]')) {
  const waits = [9000, 3000, 1000];
  one.onerror = () => waits.length && setTimeout(() => (one.src = one.src), waits.pop());
  one.onload = () => one.parentNode.querySelector(".ini")?.remove(); // It shows through transparent pictures.
  if (one.complete) one.naturalWidth ? one.onload() : one.onerror();
}
const previews = document.querySelectorAll(".preview video");
for (const one of previews) one.onerror = () => (one.parentNode.textContent = "This preview cannot be played.");

/* Provenance of a number on hover, focus and tap. Without this script a number is a link to its row in the chapter's table. */
document.addEventListener("DOMContentLoaded", () => {
  let open = null, pinned = false, timer = null;

  const place = (note, link) => {
    const at = link.getClientRects()[0] ?? link.getBoundingClientRect();
    const box = note.getBoundingClientRect();
    const left = Math.max(8, Math.min(at.left, innerWidth - box.width - 8));
    const below = at.bottom + 6 + box.height <= innerHeight || at.top < box.height + 6;
    note.style.left = `${left}px`;
    note.style.top = `${Math.max(8, below ? Math.min(at.bottom + 6, innerHeight - box.height - 8) : at.top - box.height - 6)}px`;
  };
  const hide = () => {
    clearTimeout(timer);
    if (open?.note.matches(":popover-open")) open.note.hidePopover();
    open?.link.setAttribute("aria-expanded", "false");
    open = null;
    pinned = false;
  };
  const show = (link) => {
    const note = document.getElementById(link.dataset.note);
    if (!note || open?.link === link) return clearTimeout(timer);
    hide();
    note.popover = "manual";
    note.showPopover();
    open = { link, note };
    link.setAttribute("aria-expanded", "true");
    place(note, link);
  };
  const leave = () => {
    if (!pinned) timer = setTimeout(hide, 250);
  };

  for (const link of document.querySelectorAll("a.fact")) {
    link.setAttribute("aria-haspopup", "dialog");
    link.setAttribute("aria-expanded", "false");
    link.addEventListener("mouseenter", () => pinned || show(link));
    link.addEventListener("mouseleave", leave);
    link.addEventListener("focus", () => show(link));
    link.addEventListener("blur", (event) => open?.note.contains(event.relatedTarget) || leave());
    link.addEventListener("click", (event) => {
      if (!document.getElementById(link.dataset.note)) return;
      event.preventDefault();
      const same = open?.link === link && pinned;
      if (same) return hide();
      show(link);
      pinned = true;
    });
  }
  for (const note of document.querySelectorAll(".note")) {
    note.addEventListener("mouseenter", () => clearTimeout(timer));
    note.addEventListener("mouseleave", leave);
  }
  // Once pinned with Enter, the note's links come right after the number in the order of Tab.
  const step = (event) => {
    const links = [...open.note.querySelectorAll("a")];
    const at = links.indexOf(document.activeElement);
    const enter = at < 0 && document.activeElement === open.link && !event.shiftKey && links.length;
    if (enter || (event.shiftKey && at === 0)) {
      event.preventDefault();
      (enter ? links[0] : open.link).focus();
    } else if (!event.shiftKey && at === links.length - 1 && at >= 0) {
      const { link } = open;
      hide();
      link.focus({ preventScroll: true });
      hide();
    }
  };
  document.addEventListener("keydown", (event) => {
    if (event.key === "Tab" && open && pinned) step(event);
    if (event.key !== "Escape" || !open) return;
    const link = open.link;
    hide();
    link.focus({ preventScroll: true });
    hide();
  });
  document.addEventListener("click", (event) => {
    if (open && !open.note.contains(event.target) && !event.target.closest("a.fact")) hide();
  });
  // The note stays with its number while the page moves, and goes when the number leaves the screen.
  addEventListener("scroll", (event) => {
    if (!open || open.note.contains(event.target)) return;
    const { top, bottom } = open.link.getBoundingClientRect();
    if (bottom < 0 || top > innerHeight) hide();
    else place(open.note, open.link);
  }, { passive: true, capture: true });
  // A link into a folded table opens it.
  const unfold = () => document.getElementById(decodeURIComponent(location.hash.slice(1)))?.closest("details")?.setAttribute("open", "");
  addEventListener("hashchange", unfold);
  unfold();
});

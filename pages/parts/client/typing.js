// Streamlit hands a text over when its field is left. What is typed would be lost with Escape, a reload or a
// broken connection; so it is handed over after each pause too, and at the last moment.

const PAUSE = 400 // milliseconds without a key
export const FIELDS = '[data-testid="stTextArea"] textarea, [data-testid="stTextInput"] input, [data-testid="stNumberInput"] input'
export const FORM = '[data-testid="stForm"]' // sends all of itself with Enter, so its fields are left alone

/** Press what makes Streamlit take the text, without leaving the field. */
export function commit(field) {
  field.dispatchEvent(new KeyboardEvent("keydown", { key: "Enter", ctrlKey: true, bubbles: true }))
}

export default function () {
  const typed = new Set()
  let timer

  const commitAll = () => {
    clearTimeout(timer)
    for (const field of typed) if (field.isConnected) commit(field)
    typed.clear()
  }
  const onInput = ({ target, isComposing }) => {
    if (!target.matches?.(FIELDS) || target.closest(FORM)) return
    typed.add(target)
    clearTimeout(timer)
    // A number is not whole before it is left; half a syllable of an input method is no text yet.
    if (target.type !== "number" && !isComposing) timer = setTimeout(commitAll, PAUSE)
  }
  const onKey = event => {
    if (event.key === "Escape" && event.isTrusted) commitAll()
  }
  const onHide = () => {
    if (document.visibilityState === "hidden") commitAll()
  }
  const listening = new AbortController()
  const here = { capture: true, signal: listening.signal }
  window.addEventListener("input", onInput, here)
  window.addEventListener("compositionend", onInput, here)
  window.addEventListener("focusout", ({ target }) => typed.delete(target), here)
  window.addEventListener("keydown", onKey, here)
  window.addEventListener("beforeunload", commitAll, here)
  window.addEventListener("pagehide", commitAll, here)
  document.addEventListener("visibilitychange", onHide, here)
  return () => {
    clearTimeout(timer)
    listening.abort()
  }
}

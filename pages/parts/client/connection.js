// What happens on the page when the connection to the server is lost and comes back.
//
// Streamlit goes on silently: behind the connection there may be another server by then, which knows nothing of
// the dialog on screen, and answers nothing to its buttons. So the page is covered while nobody would hear a
// click, and what stands on it is told to whichever server answers, together with what is typed in its fields.

import { commit, FIELDS, FORM } from "./typing.js"

const APP = '[data-testid="stApp"]'
const KEY = "st-key-"
const COVER = "dpa-desk-connection"
const LOOK_EVERY = 3000 // milliseconds between two looks whether the sign-in was ended
const MOST = 500 // keys told

const STYLE = `
#${COVER} { position: fixed; inset: 0; z-index: 2147483647; cursor: progress; background: rgb(0 0 0 / 0.3) }
#${COVER} > div {
  max-width: 34rem; box-sizing: border-box; margin: 1rem auto; width: calc(100% - 2rem);
  padding: 0.8rem 1.1rem; border-radius: 0.4rem; border-left: 0.3rem solid #d97706;
  box-shadow: 0 4px 24px rgb(0 0 0 / 0.35); line-height: 1.45;
}
#${COVER} strong { display: block }
[data-lost] [data-testid="stDialog"]:not([data-stood]) { display: none }
` // the last line: Streamlit's own box about the same, with words for developers

let tell // hands what stands over to Python
let words = [] // of the cover: a title and a sentence
let standing = {} // what a server would have to know to go on, as the last run left it
let answered = 0 // the loss that a server has answered last
let pressed = "" // the key of the button that was pressed, until what it started has ended
let losses = 0
let away = null // since the connection is lost, until a server has answered

const app = () => document.querySelector(APP)
const connected = () => app()?.dataset.testConnectionState === "CONNECTED"
const idle = () => app()?.dataset.testScriptState === "notRunning"

/** The key of the widget that an element is in. */
function keyOf(element) {
  const classes = element?.closest?.(`[class*="${KEY}"]`)?.classList ?? []
  return [...classes].find(name => name.startsWith(KEY)) ?? ""
}

/** The names in each uploader, by its key. */
function files() {
  const found = {}
  for (const chip of document.querySelectorAll('[data-testid="stFileChipName"]'))
    (found[keyOf(chip)] ??= []).push(chip.title)
  return found
}

/** Tell Python where things stand. Streamlit hands it over with all fields once it is connected. */
function report() {
  tell?.("standing", { ...away.stood, loss: away.loss, told: Date.now() })
}

function lost() {
  const focus = document.activeElement
  // Streamlit has shut the fields by now, without taking what was typed in the one with the cursor.
  for (const field of document.querySelectorAll(FIELDS)) if (!field.closest(FORM)) commit(field)
  const dialogs = document.querySelectorAll('[data-testid="stDialog"]')
  for (const dialog of dialogs) dialog.dataset.stood = ""
  const keys = [...document.querySelectorAll(`[class*="${KEY}"]`)].map(keyOf)
  losses += 1
  away = {
    loss: losses,
    focus,
    asked: false,
    looking: setInterval(look, LOOK_EVERY),
    stood: { ...standing, open: dialogs.length > 0, pressed, keys: [...new Set(keys)].slice(0, MOST), files: files() },
  }
  cover()
  report()
}

function cover() {
  const box = document.createElement("div")
  const card = box.appendChild(document.createElement("div"))
  const title = card.appendChild(document.createElement("strong"))
  box.id = COVER
  card.setAttribute("role", "alert")
  const look = getComputedStyle(app())
  Object.assign(card.style, { background: look.backgroundColor, color: look.color, font: look.font })
  for (const other of document.body.children) other.inert = true
  document.body.append(box)
  document.body.dataset.lost = ""
  title.textContent = words[0]
  card.append(words[1])
}

function uncover() {
  clearInterval(away.looking)
  document.getElementById(COVER)?.remove()
  delete document.body.dataset.lost
  for (const other of document.body.children) other.inert = false
  if (away.focus?.isConnected) away.focus.focus()
  away = null
  pressed = ""
}

/** Whoever was signed out elsewhere meanwhile is let in no more: on to the sign-in. */
async function look() {
  if (connected()) return
  const answer = await fetch("/_stcore/health", { cache: "no-store" }).catch(() => null)
  if (answer?.status !== 401 || !away || connected()) return
  location.assign("/sign-in?next=" + encodeURIComponent(location.pathname + location.search))
}

function changed() {
  if (!connected()) {
    if (away) away.asked = false
    else if (tell) lost()
  } else if (!away) {
    if (idle()) pressed = ""
  } else if (!away.asked) {
    away.asked = true
    report()
  } else if (answered === away.loss && idle()) uncover()
}

function begin() {
  const sheet = new CSSStyleSheet()
  sheet.replaceSync(STYLE)
  document.adoptedStyleSheets.push(sheet)
  new MutationObserver(changed).observe(document.documentElement, {
    subtree: true,
    attributeFilter: ["data-test-connection-state", "data-test-script-state"],
  })
  window.addEventListener("click", ({ target }) => {
    if (target.closest?.("button")) pressed = keyOf(target)
  }, { capture: true })
}

/** Drawn in several places of a page: each tells its part in `data`, and takes no room. */
export default function ({ data, parentElement, setStateValue }) {
  const place = (parentElement.host ?? parentElement).closest('[data-testid="stElementContainer"]')
  if (place) place.style.display = "none"
  if (data.standing) standing = data.standing
  if (data.words) {
    words = data.words
    if (!tell) begin()
    tell = setStateValue
  }
  if (data.answered !== undefined) {
    answered = data.answered
    changed()
  }
}

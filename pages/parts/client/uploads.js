// What Streamlit's uploader keeps to itself: the files it shows, and that were not or not yet uploaded.
// A file that is too large, or whose upload broke, gets a mark in the browser and never reaches the server.

const CHIP = '[data-testid="stFileChip"]'
const SPINNER = '[data-testid="stFileChipIconSpinner"]'
const NAME = '[data-testid="stFileChipName"]'

/** The names in the uploader: those that failed, and those still on the way. */
function standing(uploader) {
  const failed = []
  const waiting = []
  for (const chip of uploader.querySelectorAll(CHIP)) {
    const name = chip.querySelector(NAME)?.title ?? ""
    if (chip.getAttribute("aria-invalid") === "true") failed.push(name)
    else if (chip.querySelector(SPINNER)) waiting.push(name)
  }
  return { failed, waiting }
}

/** Tell Python each time that they change. `data.key`: the key of the uploader. */
export default function ({ data, setStateValue }) {
  const mark = ".st-key-" + data.key.replace(/[^a-zA-Z0-9_-]/g, "-")
  let told = JSON.stringify({ failed: [], waiting: [] })
  const tell = () => {
    const uploader = document.querySelector(mark)
    if (!uploader) return
    const found = standing(uploader)
    const now = JSON.stringify(found)
    if (now === told) return
    told = now
    setStateValue("standing", found)
  }
  const watching = new MutationObserver(tell)
  watching.observe(document.body, { subtree: true, childList: true, attributeFilter: ["aria-invalid"] })
  tell()
  return () => watching.disconnect()
}

// Compares a folder on the customer's machine with the manifest of a return: names, sizes and SHA-256.
// The files are read in this browser; nothing of them is sent anywhere but which of them match.

const MOST = 1_000_000_000 // bytes of a file that a browser holds at once
const TOLD = 20 // differences named before the rest is only counted

async function sha256(file) {
  const digest = await crypto.subtle.digest("SHA-256", await file.arrayBuffer())
  return Array.from(new Uint8Array(digest), byte => byte.toString(16).padStart(2, "0")).join("")
}

/** A file's name as the manifest has it: with folders, without the chosen folder itself. */
function nameOf(file) {
  const path = file.webkitRelativePath || "/" + file.name
  return path.slice(path.indexOf("/") + 1).normalize("NFC")
}

/** How a file differs, as one of Python's codes; none where it matches. */
async function difference(file, size, digest) {
  if (file.size !== size) return "size"
  if (size > MOST) return "too_large"
  try {
    return (await sha256(file)) === digest ? "" : "content"
  } catch {
    return "unreadable"
  }
}

async function compare(files, manifest, tell) {
  const there = new Map(files.map(file => [nameOf(file), file]))
  const matching = []
  const differing = []
  for (const [number, [name, size, digest]] of manifest.entries()) {
    tell(number)
    const plain = name.normalize("NFC")
    const file = there.get(plain)
    there.delete(plain)
    const how = file ? await difference(file, size, digest) : "missing"
    if (how) differing.push([name, how])
    else matching.push(name)
  }
  for (const name of there.keys()) differing.push([name, "extra"])
  return { matching, differing: differing.slice(0, TOLD), number: differing.length }
}

const TEXT = { display: "block", margin: "0.3rem 0", maxWidth: "100%", font: "inherit", fontSize: "0.875rem", color: "inherit" }

/** An element in the look of the page. The policy of its styles lets a script set these, and no style sheet. */
function element(name, properties) {
  const made = Object.assign(document.createElement(name), properties)
  Object.assign(made.style, TEXT)
  return made
}

/** `data.files`: of the manifest, as [name, size, SHA-256]; `data.words`: what is said. */
export default function ({ data, parentElement, setStateValue }) {
  if (!parentElement.querySelector("input")) {
    const label = element("label", { textContent: data.words.label })
    const input = element("input", { type: "file", multiple: true, webkitdirectory: true })
    const status = element("p", { role: "status" })
    label.append(input)
    parentElement.append(label, status)
  }
  const input = parentElement.querySelector("input")
  const status = parentElement.querySelector("p")
  input.onchange = async () => {
    const files = [...input.files]
    if (!files.length) return
    if (!globalThis.crypto?.subtle) {
      status.textContent = data.words.insecure
      return
    }
    input.disabled = true
    const tell = done => (status.textContent = `${data.words.reading} ${done} / ${data.files.length}`)
    const found = await compare(files, data.files, tell)
    status.textContent = ""
    input.disabled = false
    setStateValue("found", found)
  }
}

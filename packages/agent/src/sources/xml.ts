// Walks through XML.

import sax, { type Tag } from 'sax'
import { xmlDepthMax } from '../limits.ts'

/** What the walk reports about an element. */
export interface XmlElement {
  /** Names from the root down to the element itself. */
  readonly path: readonly string[]
  readonly attributes: Readonly<Record<string, string>>
  /** Its own text, with entities resolved, without the text of nested elements. */
  readonly text: string
  /** The raw text between its tags. */
  readonly inner: string
}

interface OpenElement {
  readonly attributes: Readonly<Record<string, string>>
  readonly innerStart: number
  text: string
}

/**
 * Calls `tell` at the end of each element, inner ones first. Returns what is wrong with the text, if
 * anything; elements found before and after that are still reported.
 */
export function walkXml(text: string, tell: (element: XmlElement) => void): string | undefined {
  const parser = sax.parser(true, { position: true })
  const path: string[] = []
  const open: OpenElement[] = []
  parser.onopentag = ({ name, attributes }) => {
    if (open.length >= xmlDepthMax)
      throw new Error(`more than ${xmlDepthMax} elements within another`)
    path.push(name)
    const values = attributes as Tag['attributes']
    open.push({ attributes: values, innerStart: parser.position, text: '' })
  }
  const addText = (more: string) => {
    const element = open.at(-1)
    if (element) element.text += more
  }
  parser.ontext = addText
  parser.oncdata = addText
  parser.onclosetag = () => {
    const { attributes, innerStart, text: own } = open.pop()!
    // A tag's position is after its `<`. An empty element has only one tag.
    const inner = text.slice(innerStart, Math.max(innerStart, parser.startTagPosition - 1))
    tell({ path, attributes, text: own, inner })
    path.pop()
  }
  let flaw: string | undefined
  parser.onerror = error => {
    flaw ??= error.message.replaceAll('\n', ', ')
    // Continue after an error: what follows is often intact.
    ;(parser as { error: Error | null }).error = null
  }
  try {
    parser.write(text).close()
  } catch (error) {
    flaw ??= (error as Error).message
  }
  return flaw
}

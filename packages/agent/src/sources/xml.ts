// Walks through XML, by a library that is loaded when the first text is read.

import { createRequire } from 'node:module'
import type { Tag } from 'sax'
import { xmlDepthMax } from '../limits.ts'

/** What is told of an element. */
export interface XmlElement {
  /** Names from the root down to the element itself. */
  readonly path: readonly string[]
  readonly attributes: Readonly<Record<string, string>>
  /** Its own text, entities replaced, without that of elements within. */
  readonly text: string
  /** What is written between its tags, as it is. */
  readonly inner: string
}

interface OpenElement {
  readonly attributes: Readonly<Record<string, string>>
  readonly innerStart: number
  text: string
}

/**
 * Tells of each element of a text when it ends, inner ones first; returns what is wrong with the text, if
 * anything. Then as much as can be made out was told of.
 */
export function walkXml(text: string, tell: (element: XmlElement) => void): string | undefined {
  const { parser: createParser } = createRequire(import.meta.url)('sax') as typeof import('sax')
  const parser = createParser(true, { position: true })
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
    // The place of the tag is that behind its `<`; an element without content has one tag.
    const inner = text.slice(innerStart, Math.max(innerStart, parser.startTagPosition - 1))
    tell({ path, attributes, text: own, inner })
    path.pop()
  }
  let flaw: string | undefined
  parser.onerror = error => {
    flaw ??= error.message.replaceAll('\n', ', ')
    // It goes on behind a flaw: what comes there is often whole.
    ;(parser as { error: Error | null }).error = null
  }
  try {
    parser.write(text).close()
  } catch (error) {
    flaw ??= (error as Error).message
  }
  return flaw
}

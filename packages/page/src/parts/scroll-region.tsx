// A part of a view that scrolls. It takes the focus, so that the keyboard can scroll it too.

import type { ComponentChildren } from 'preact'

/** A scrolling part with a name. */
export function ScrollRegion({
  label,
  children,
}: {
  readonly label: string
  readonly children: ComponentChildren
}) {
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: without it, who has only keys cannot scroll
    <section class="table-room" tabIndex={0} aria-label={label}>
      {children}
    </section>
  )
}

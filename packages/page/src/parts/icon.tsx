// Small pictures for buttons. They say nothing to screen readers; the button has the name.

const paths = {
  back: 'M10 3 5 8l5 5',
  forward: 'm6 3 5 5-5 5',
  play: 'M5 3v10l8-5z',
  stop: 'M4 4h8v8H4z',
  pause: 'M5 3v10M11 3v10',
  clock: 'M8 1.8a6.2 6.2 0 1 0 0 12.4A6.2 6.2 0 0 0 8 1.8M8 4.5V8l2.5 1.8',
  star: 'm8 2 1.8 3.8 4.2.5-3.1 2.9.8 4.1L8 11.3l-3.7 2 .8-4.1L2 6.3l4.2-.5z',
  download: 'M8 2v8m-3-3 3 3 3-3M3 13h10',
  wrap: 'M2 4h12M2 8h9a2.5 2.5 0 0 1 0 5H8m1.8-1.8L8 13l1.8 1.8M2 12h3',
  list: 'M6 4h8M6 8h8M6 12h8M2 4h1M2 8h1M2 12h1',
  bars: 'M3 13V8m4 5V3m4 10V6',
  gauge: 'M2 12a6 6 0 1 1 12 0M8 12l3-4',
  build: 'M2 4h5v3H2zm7 5h5v3H9zM7 5.5h2.5V9',
  sun: 'M8 5a3 3 0 1 0 0 6 3 3 0 0 0 0-6M8 1v1.5M8 13.5V15M1 8h1.5M13.5 8H15M3 3l1 1m8 8 1 1m0-10-1 1m-8 8-1 1',
  help: 'M6 6a2 2 0 1 1 2.8 1.8c-.6.3-.8.7-.8 1.4M8 12v.2',
  plus: 'M8 3v10M3 8h10',
  minus: 'M3 8h10',
  column: 'M3 3h10v10H3zM8 3v10',
  copy: 'M5 5h8v8H5zM3 11V3h8',
  link: 'M6.5 9.5 9.5 6.5M7 4.5 8.5 3A3 3 0 0 1 13 7.5L11.5 9M9 11.5 7.5 13A3 3 0 0 1 3 8.5L4.5 7',
  context: 'M2 3h12M4 6h10M2 9h12M4 12h10',
  close: 'm4 4 8 8m0-8-8 8',
  order: 'M5 3v10M5 13l-2-2.5M5 13l2-2.5M10 4h4M10 8h3M10 12h2',
} as const

export type IconName = keyof typeof paths

/** Draws a picture. */
export function Icon({ name }: { readonly name: IconName }) {
  return (
    <svg class="icon" viewBox="0 0 16 16" width="16" height="16" aria-hidden="true">
      <path d={paths[name]} />
    </svg>
  )
}

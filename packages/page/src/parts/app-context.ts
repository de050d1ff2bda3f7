// Gives every part of the view the page it belongs to.

import { createContext } from 'preact'
import { useContext } from 'preact/hooks'
import type { App } from '../state/app.ts'

export const AppContext = createContext<App | undefined>(undefined)

/** Returns the page. */
export function useApp(): App {
  const app = useContext(AppContext)
  if (!app) throw new TypeError('This part is outside of the page')
  return app
}

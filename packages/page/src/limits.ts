// All bounds of the page, with their reasons.

/** Characters of a URL. Longer queries go into a form, because proxies limit URLs. */
export const urlCharsMax = 4_000

/**
 * Rows of the first request of a query: two screens, so that lines show at once. With 50 streams, 100 rows cost a store
 * two thirds of what 200 cost.
 */
export const firstRowsMax = 100

/** Rows of each further request. 1,000 lines take a store a few milliseconds and a browser one frame. */
export const pageRowsMax = 1_000

/** A store refuses to compare the volumes of more values than this, unless it is configured otherwise (`volume_max_series`). */
export const volumeValuesMax = 1_000

/** Rows of one request of an export, unless the tenant may read fewer at a time. */
export const exportRowsMax = 5_000

/** Rows that a live view keeps; older ones leave it. They stay in the store. */
export const liveRowsMax = 20_000

/** Rows that wait while the live view is paused. Above it, the oldest ones are only counted. */
export const liveWaitingMax = 20_000

/** How long the page waits before it connects a broken live view again; doubled each time up to the second number. */
export const reconnectLeastMs = 500
export const reconnectMostMs = 15_000

/** Lines before and after a line, at each step of the context. */
export const contextRowsMax = 10

/** Rows whose fields are counted at the side. Counting more would take longer than a frame for each thousand. */
export const countedRowsMax = 5_000

/** Rows counted between two frames. */
export const countedAtOnce = 500

/** Different values of a field that are counted. */
export const fieldValuesMax = 1_000

/** Values of a field that are shown. */
export const shownValuesMax = 5

/** Fields shown at the side before a search. */
export const shownFieldsMax = 60

/** Characters of a line that are drawn before somebody unfolds it. Longer ones would slow scrolling down. */
export const foldedCharsMax = 2_000

/** Characters that are drawn of an unfolded line. The rest can be copied. */
export const unfoldedCharsMax = 200_000

/** Characters of a line in which fields, colours and matches are looked for. */
export const readCharsMax = 100_000

/** Fields of one line that are listed. */
export const lineFieldsMax = 300

/** Bars of the histogram. */
export const histogramBarsMax = 120

/** Points of a metric query's series. */
export const metricPointsMax = 400

/** Series that are drawn; the table has all of them. */
export const drawnSeriesMax = 50

/** Rows of a table of samples. */
export const tableRowsMax = 1_000

/** Queries that the history keeps. */
export const historyMax = 50

/** Saved queries. */
export const savedMax = 200

/** Labels, values, fields or patterns in one list on the screen. A search finds the others. */
export const listedMax = 200

/** Entries in a list of completions. */
export const completionsMax = 500

/** How long after the last key the store checks the query. */
export const checkAfterMs = 350

/** How often the status asks again. */
export const statusEveryMs = 5_000

/** How often an empty store is asked for its first line. */
export const firstLineEveryMs = 1_000

/** How often a request that got 429 or 503 is sent again, and how long the page waits at most before it. */
export const retriesMax = 3
export const retryWaitMaxMs = 5_000

/** How long a request may take before the page says that the store does not answer. */
export const silentMs = 120_000

/** How long a note such as "copied" stays. */
export const noteMs = 2_500

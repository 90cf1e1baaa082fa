// Times by the reader's clock: "3 minutes ago" for a week, then the date. The exact time is the tooltip, and in the name
// of the link for screen readers.
const WEEK = 10080, EARLY = -5 // minutes; a clock that is slower than ours shows the exact time

const localise = (html, lang) => {
  const day = {dateStyle: 'medium'}, exact = new Intl.DateTimeFormat(lang, {...day, timeStyle: 'short'})
  for (const time of html.querySelectorAll('time[datetime]')) {
    const moment = new Date(time.dateTime), minutes = (Date.now() - moment) / 6e4
    const [size, unit] = minutes < 60 ? [1, 'minute'] : minutes < 1440 ? [60, 'hour'] : [1440, 'day']
    const count = Math.max(Math.trunc(minutes / size), 0), past = minutes > EARLY && minutes < WEEK
    const numeric = count ? 'always' : 'auto', title = time.title = exact.format(moment)
    const text = past ? new Intl.RelativeTimeFormat(lang, {numeric}).format(-count, count ? unit : 'second') :
      new Intl.DateTimeFormat(lang, day).format(moment)
    time.textContent = text
    time.parentNode.ariaLabel = past ? `${text} (${title})` : title
  }
}

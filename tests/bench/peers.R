# The same statistics in R, timed: base R, FunnelPlotR's published formulae (the package
# itself is not in Debian), VGAM and metafor where they are installed.
# Rscript peers.R SITES.csv CELLS.csv  ->  lines "what<TAB>milliseconds<TAB>numbers"
files <- commandArgs(TRUE)
sites <- read.csv(files[1]); cells <- read.csv(files[2])
x <- sites$events; n <- sites$n; p <- sum(x) / sum(n)

timed <- function(what, work, times = 20) {
  value <- work(); gc()
  spent <- system.time(for (i in seq_len(times)) work(), gcFirst = FALSE)
  ms <- 1000 * sum(spent[1:2]) / times
  cat(what, sprintf("%.3f", ms), paste(sprintf("%.10g", value), collapse = " "), sep = "\t")
  cat("\n")
}

timed("exact intervals", function() {
  lower <- qbeta(.025, x, n - x + 1); upper <- qbeta(.975, x + 1, n - x)
  c(sum(lower), sum(upper))
})
tail <- pmin(1, 2 * pmin(pbinom(x, n, p), pbinom(x - 1, n, p, lower.tail = FALSE)))
timed("Benjamini-Hochberg", function() sum(p.adjust(tail, "BH")))
# FunnelPlotR, data_type = "PR": z on the arcsine scale, winsorised at 10 %, phi and
# tau2, and the limits with tau2 added.
timed("phi, tau2 and widened limits", function() {
  s <- 1 / (2 * sqrt(n)); z <- (asin(sqrt(x / n)) - asin(sqrt(p))) / s
  ends <- quantile(z, c(.1, .9)); w <- pmax(ends[1], pmin(ends[2], z))
  phi <- sum(w^2) / length(w); k <- length(w); g <- 1 / s^2
  tau2 <- if (k * phi < k - 1) 0 else
    (k * phi - (k - 1)) / (sum(g) - sum(g^2) / sum(g))
  wide <- sqrt(s^2 + tau2)
  upper <- sin(pmin(pi / 2, asin(sqrt(p)) + qnorm(.999) * wide))^2
  lower <- sin(pmax(0, asin(sqrt(p)) + qnorm(.001) * wide))^2
  c(phi, tau2, sum(lower), sum(upper))
})
timed("limits of observed / expected", function() {
  e <- n * p
  c(sum(qchisq(.025, 2 * e) / 2 / e), sum(qchisq(.975, 2 * (e + 1)) / 2 / e))
})
timed("logistic model of the strata", function() {
  model <- glm(cbind(events, n - events) ~ product + process, binomial, cells)
  sum(fitted(model) * cells$n)
})
if (requireNamespace("metafor", quietly = TRUE))
  timed("DerSimonian-Laird tau2", function() {
    metafor::rma(asin(sqrt(x / n)), 1 / (4 * n), method = "DL")$tau2
  }, 5)
if (suppressMessages(suppressWarnings(require(VGAM, quietly = TRUE))))
  timed("beta-binomial", function() {
    fit <- vglm(cbind(x, n - x) ~ 1, betabinomial)
    c(Coef(fit)[[1]], 1 / Coef(fit)[[2]] - 1)
  }, 3)

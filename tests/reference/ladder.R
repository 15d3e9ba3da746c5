# Reference numbers for the tests of normality and the ladder of powers, from R: run in this folder as
#   Rscript ladder.R > ladder.json
# Reads ladder.csv beside it and the shipped synthetic cohort. Skewness and kurtosis by fBasics' dagoTest, Shapiro-Wilk
# by stats, Shapiro-Francia by nortest; Royston's adjustment is written out here, since no package of R has it.
# ladder.csv is the mileage and trunk space of 74 cars of 1978 in the data set auto that comes with Stata; mileage has
# mean 21.29730 and SD 5.785503 there. The last two tests know no average ranks, so their numbers hold for columns
# without ties, which is what "untied" says.
suppressMessages({library(fBasics); library(nortest); library(jsonlite)})
cars <- read.csv("ladder.csv")
cohort <- read.csv("../../src/thaliron_napari/cohort/data/synthetic_cohort.csv")
adjusted <- function(k2, n) {
  l <- log(n)
  zc <- -qnorm(-k2 / 2, log.p = TRUE)
  cut <- 0.55 * n^0.2 - 0.21
  a1 <- (-5 + 3.46 * l) * exp(-1.37 * l)
  b1 <- 1 + (0.854 - 0.148 * l) * exp(-0.55 * l)
  b2m <- 2.13 / (1 - 2.37 * l)
  z <- if (zc < -1) zc else if (zc < cut) a1 + b1 * zc else (a1 - b2m * cut) + (b1 + b2m) * zc
  -2 * pnorm(z, lower.tail = FALSE, log.p = TRUE)
}
tests <- function(x) {
  dago <- dagoTest(x)@test
  chi2 <- adjusted(dago$statistic[[1]], length(x))
  wilk <- shapiro.test(x)
  francia <- sf.test(x)
  list(n = length(x), untied = !anyDuplicated(x), p_skewness = dago$p.value[[2]], p_kurtosis = dago$p.value[[3]],
       chi2_unadjusted = dago$statistic[[1]], chi2_adjusted = chi2, p = exp(-chi2 / 2),
       wilk_w = wilk$statistic[[1]], wilk_p = wilk$p.value, francia_w = francia$statistic[[1]],
       francia_p = francia$p.value)
}
rungs <- list(cubic = function(x) x^3, square = function(x) x^2, identity = identity, "square root" = sqrt, log = log,
              "1/(square root)" = function(x) 1 / sqrt(x), inverse = function(x) 1 / x, "1/square" = function(x) x^-2,
              "1/cubic" = function(x) x^-3)
all <- function(x) lapply(rungs, function(f) tests(f(x)))
small <- c(0.42, -1.31, 0.07, 2.75, -0.66, 1.18, -2.04, 0.9, 0.31, -0.15)
cat(toJSON(list(
  source = paste0("R ", getRversion(), " with fBasics ", packageVersion("fBasics"), " and nortest ",
                  packageVersion("nortest"), " by ladder.R beside this file"),
  ladders = list(mpg = all(cars$mpg), trunk = all(cars$trunk), lesion_ml = all(cohort$lesion_ml),
                 thalamus_ml = all(cohort$thalamus_ml)),
  wilk_small = lapply(4:10, function(n) {
    w <- shapiro.test(small[1:n])
    list(values = small[1:n], w = w$statistic[[1]], p = w$p.value)
  })), auto_unbox = TRUE, digits = I(15)))
cat("\n")

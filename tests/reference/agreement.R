# Reference numbers for the agreement of readers, from R: run in this folder as  Rscript agreement.R > agreement.json
# Intraclass correlations with their limits from psych's ICC on an analysis of variance; limits of agreement with
# t.test, lm, and the formulas of Bland and Altman 1999 and of Carkeet 2015 on R's qt, confint. The readings are in the
# output: the 6 targets and 4 judges of Shrout and Fleiss 1979, and others drawn here.
suppressMessages({library(psych); library(jsonlite)})
judges <- rbind(c(9, 2, 5, 8), c(6, 1, 3, 2), c(8, 4, 6, 8), c(7, 1, 2, 6), c(10, 5, 6, 9), c(6, 2, 4, 7))
set.seed(14)
truth <- rnorm(95, -29, 12)
two <- round(cbind(truth + rnorm(95, 0, 2), truth + rnorm(95, 1.5, 2.5)), 3)
volumes <- rlnorm(20, 1, 0.9)
three <- round(volumes * cbind(rlnorm(20, 0, 0.1), rlnorm(20, 0.1, 0.1), rlnorm(20, -0.05, 0.2)), 4)
unlike <- round(matrix(rnorm(24), 12, 2), 3)
few <- rbind(c(1.2, 1.9), c(2.5, 2.2), c(4.1, 4.0))
icc <- function(x) {
  r <- suppressWarnings(ICC(x, lmer = FALSE))$results
  row <- function(type) { i <- which(r$type == type); c(r$ICC[i], r[["lower bound"]][i], r[["upper bound"]][i]) }
  list(agreement = row("ICC2"), consistency = row("ICC3"))
}
differences <- function(x) {
  d <- x[, 1] - x[, 2]
  m <- rowMeans(x)
  n <- length(d)
  s <- sd(d)
  z <- qnorm(0.975)
  half <- qt(0.975, n - 1) * s * sqrt(1 / n + z^2 / (2 * (n - 1)))
  line <- lm(d ~ m)
  exact <- suppressWarnings(qt(c(0.025, 0.975), n - 1, z * sqrt(n))) * s / sqrt(n)
  list(bias = c(mean(d), t.test(d)$conf.int), sd = s,
       low = mean(d) - z * s + c(0, -half, half), high = mean(d) + z * s + c(0, -half, half),
       exact_low = mean(d) - rev(exact), exact_high = mean(d) + exact,
       intercept = c(coef(line)[1], confint(line)[1, ]), slope = c(coef(line)[2], confint(line)[2, ]),
       slope_p = summary(line)$coefficients[2, 4])
}
one <- function(name, x) {
  c(list(name = name, readings = x), icc(x), if (ncol(x) == 2) list(differences = lapply(differences(x), unname)))
}
cat(toJSON(list(
  source = paste("R", getRversion(), "with psych", packageVersion("psych"), "by agreement.R beside this file"),
  sets = list(one("Shrout and Fleiss", judges), one("two readers", two), one("three readers", three),
              one("no agreement", unlike), one("three cases", few))), auto_unbox = TRUE, digits = 15, pretty = FALSE))
cat("\n")

# Reference numbers for power, from R: run in this folder as  Rscript power.R > power.json
# pwr.r.test takes Fisher's z with his correction of the bias of z and a critical value from t, and pwr.f2.test the
# noncentral F of one coefficient given covariates, f2 = r^2 / (1 - r^2): other approximations of the same power.
# "simulated" is the share of 20000 cohorts with normal predictor, covariates and outcome in which lm finds it.
suppressMessages({library(pwr); library(jsonlite)})
plain <- function(n, r) list(n = n, r = r, power = pwr.r.test(n = n, r = r)$power)
given <- function(n, r, k) {
  list(n = n, r = r, covariates = k, power = pwr.f2.test(u = 1, v = n - k - 2, f2 = r^2 / (1 - r^2))$power)
}
set.seed(9)
simulated <- function(n, r, k, runs = 20000) {
  found <- replicate(runs, {
    covariates <- matrix(rnorm(n * k), n, k)
    x <- rnorm(n) + covariates %*% rep(0.4, k)
    noise <- x - covariates %*% rep(0.4, k)
    y <- r * noise + sqrt(1 - r^2) * rnorm(n) + covariates %*% rep(0.5, k)
    fit <- lm.fit(cbind(1, x, covariates), y)
    rss <- sum(fit$residuals^2)
    se <- sqrt(rss / (n - k - 2) * chol2inv(fit$qr$qr[1:(k + 2), 1:(k + 2)])[2, 2])
    2 * pt(-abs(fit$coefficients[2] / se), n - k - 2) < 0.05
  })
  list(n = n, r = r, covariates = k, power = mean(found), runs = runs)
}
grid <- expand.grid(n = c(30, 60, 95, 200), r = c(0.1, 0.28, 0.5))
grid4 <- expand.grid(n = c(30, 60, 95, 200), r = c(0.1, 0.28, 0.5), k = c(1, 4, 8))
cat(toJSON(list(
  source = paste("R", getRversion(), "with pwr", packageVersion("pwr"), "by power.R beside this file"),
  pwr_r_test = mapply(plain, grid$n, grid$r, SIMPLIFY = FALSE),
  pwr_f2_test = mapply(given, grid4$n, grid4$r, grid4$k, SIMPLIFY = FALSE),
  simulated = list(simulated(30, 0.4, 4), simulated(95, 0.28, 4), simulated(95, 0.28, 8))),
  auto_unbox = TRUE, digits = 15))
cat("\n")

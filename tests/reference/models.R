# Reference numbers for robust and clustered errors, logistic regression, corrected P, RESET and DFBETA, from R:
# run in this folder as  Rscript models.R > models_r.json
# Debian's packages r-base-core, r-cran-sandwich, r-cran-lmtest, r-cran-car and r-cran-jsonlite. The data are the
# shipped synthetic cohort, with columns of centre and ward as a study of several hospitals would have them.
suppressMessages({library(sandwich); library(lmtest); library(car); library(jsonlite)})
d <- read.csv("../../src/thaliron_napari/cohort/data/synthetic_cohort.csv")
i <- seq_len(nrow(d)) - 1
d$thalamus_mm3 <- 1000 * d$thalamus_ml
d$centre <- (i * 7) %% 12 + 1          # 12 centres by number
d$centre[i %% 17 == 3] <- NA           # some unknown
d$ward <- factor((i * 5) %% 4 + 1)     # a number that is a name
d$logvol <- log(d$lesion_ml)
formulas <- c("logvol ~ chi_ppb", "logvol ~ chi_ppb + age + sex + duration + dmt", "thalamus_mm3 ~ chi_ppb + age",
              "chi_ppb ~ enhancing + age + sex + dmt + duration", "edss ~ chi_ppb + ward + age")
table_of <- function(b, v, df) {
  se <- sqrt(diag(v)); q <- if (is.finite(df)) qt(0.975, df) else qnorm(0.975)
  p <- if (is.finite(df)) 2 * pt(-abs(b / se), df) else 2 * pnorm(-abs(b / se))
  list(estimate = unname(b), standard_error = unname(se), ci_low = unname(b - q * se), ci_high = unname(b + q * se),
       p = unname(p), df = if (is.finite(df)) df else NULL)
}
linear <- function(text) {
  m <- lm(as.formula(text), data = d); n <- nobs(m); k <- length(coef(m))
  known <- d[!is.na(d$centre), ]; mc <- lm(as.formula(text), data = known)
  g <- length(unique(known$centre))
  # The F test is the same for the outcome in standard units; in raw ones its fourth powers swamp lm's tolerance.
  s <- d; s$out <- as.numeric(scale(model.response(model.frame(m))))
  ms <- lm(update(as.formula(text), out ~ .), data = s)
  reset <- resettest(ms, power = 2:4, type = "fitted")
  z <- as.data.frame(model.matrix(m)[, -1, drop = FALSE]); y <- model.response(model.frame(m))
  bp <- bptest(m, varformula = ~ fitted(m), studentize = FALSE)
  list(formula = text, terms = names(coef(m)), n = n,
       ols = table_of(coef(m), vcov(m), n - k), hc1 = table_of(coef(m), vcovHC(m, type = "HC1"), n - k),
       hc3 = table_of(coef(m), vcovHC(m, type = "HC3"), n - k),
       cluster = c(table_of(coef(mc), vcovCL(mc, cluster = known$centre, type = "HC1"), g - 1),
                   n = nobs(mc), clusters = g),
       beta = unname(coef(m)[-1] * sapply(z, sd) / sd(y)),
       reset = list(f = unname(reset$statistic), df = unname(reset$parameter), p = unname(reset$p.value)),
       breusch_pagan = list(chi2 = unname(bp$statistic), p = unname(bp$p.value)),
       vif = unname(diag(solve(cor(as.matrix(z))))),
       dfbetas = unname(dfbetas(m)), cooks = unname(cooks.distance(m)), leverage = unname(hatvalues(m)))
}
logistic <- function(text) {
  fine <- glm.control(epsilon = 1e-15, maxit = 100)
  # Fitted again from where it ended, since glm's errors are one step of its search behind its coefficients.
  finest <- function(data) {
    first <- glm(as.formula(text), data = data, family = binomial, control = fine)
    glm(as.formula(text), data = data, family = binomial, control = fine, start = coef(first))
  }
  known <- d[!is.na(d$centre), ]; m <- finest(d); mc <- finest(known); n <- nobs(m)
  null <- glm(update(as.formula(text), . ~ 1), data = d, family = binomial, control = fine)
  list(formula = text, terms = names(coef(m)), n = n, ols = table_of(coef(m), vcov(m), Inf),
       hc1 = table_of(coef(m), vcovHC(m, type = "HC0") * n / (n - 1), Inf),
       cluster = c(table_of(coef(mc), vcovCL(mc, cluster = known$centre, type = "HC0"), Inf),
                   n = nobs(mc), clusters = length(unique(known$centre))),
       log_likelihood = as.numeric(logLik(m)), null_log_likelihood = as.numeric(logLik(null)),
       pseudo_r2 = 1 - as.numeric(logLik(m)) / as.numeric(logLik(null)),
       chi2 = null$deviance - m$deviance, chi2_p = pchisq(null$deviance - m$deviance, length(coef(m)) - 1,
                                                          lower.tail = FALSE))
}
p <- c(0.0371, 0.63, 0.001, 0.04, 0.04, 0.2, NA, 1, 0.0004, 0.03)
numbers <- list(
  source = paste("R", getRversion(), "with sandwich", packageVersion("sandwich"), "lmtest", packageVersion("lmtest"),
                 "by models.R beside this file"),
  linear = lapply(formulas, linear),
  logistic = lapply(c("enhancing ~ chi_ppb", "enhancing ~ chi_ppb + age", "dmt ~ age + duration + ward",
                      "sex ~ edss + logvol + chi_ppb"), logistic),
  p = p, holm = p.adjust(p, "holm"), fdr = p.adjust(p, "BH"))
cat(toJSON(numbers, auto_unbox = TRUE, digits = I(17), na = "null")); cat("\n")
